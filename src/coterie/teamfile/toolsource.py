"""What the source of a tool says of it, for a team that is looked at and not run.

Only two things matter before a run: whether a tool is sensitive, and whether its results are trusted. Where the source
does not say it in so many words, a tool counts as sensitive and its results as somebody else's.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coterie.errors import BadInput
from coterie.tool import Tool

HOPS = 8
"""Imports that are followed from one module to the next."""
Find = Callable[[str], "Path | None"]


def declared(found: Any, source: Path | None, name: str, find: Find) -> Any:
    """The tool that stands for one that was only looked for; `find` gives the source of a module."""
    flags = _flags(source, name, find, HOPS)
    if flags is None:
        return found
    return Tool(found, sensitive=flags.get("sensitive", False), trusted=flags.get("trusted", False))


def _flags(source: Path | None, name: str, find: Find, hops: int) -> dict[str, bool] | None:
    """What a tool is said to be; None for a plain function, which is neither sensitive nor trusted."""
    unknown = {"sensitive": True}
    if source is None or not hops or "." in name:
        return unknown
    for one in _bindings(source, name):
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return _decorated(one)
        if isinstance(one, ast.ImportFrom) and one.module and not one.level:
            there = {alias.asname or alias.name: alias.name for alias in one.names}[name]
            try:
                return _flags(find(one.module), there, find, hops - 1)
            except BadInput:
                return unknown
        if (
            isinstance(one, ast.Assign)
            and isinstance(one.value, ast.Call)
            and _called(one.value.func) == "Tool"
        ):
            return _said(one.value)
    return unknown


def _bindings(source: Path, name: str) -> Iterator[ast.stmt]:
    """What binds a name at the top of a module, the last first."""
    for one in reversed(ast.parse(source.read_bytes()).body):
        names: list[str] = []
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names = [one.name]
        elif isinstance(one, ast.ImportFrom):
            names = [alias.asname or alias.name for alias in one.names]
        elif isinstance(one, ast.Assign):
            names = [target.id for target in one.targets if isinstance(target, ast.Name)]
        if name in names:
            yield one


def _decorated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, bool] | None:
    for one in function.decorator_list:
        if isinstance(one, ast.Call) and _called(one.func) == "tool":
            return _said(one)
    return None if all(_called(one) == "tool" for one in function.decorator_list) else {"sensitive": True}


def _called(function: ast.expr) -> str:
    """The name by which something is called, without where it is from."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _said(call: ast.Call) -> dict[str, bool]:
    """What a call says of a tool; what is not a plain yes or no counts as the worse."""
    said: dict[str, bool] = {}
    for one in call.keywords:
        if one.arg is None:
            return {"sensitive": True}
        if one.arg in ("sensitive", "trusted"):
            plain = one.value.value if isinstance(one.value, ast.Constant) else one.arg == "sensitive"
            said[one.arg] = bool(plain)
    return said
