"""Python source as ready-made teams see it: parsed, checked by ruff, taken apart and put together again."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from coterie.errors import MissingExtra, ToolFailed
from coterie.tool import tool

RULES = ("E4", "E7", "E9", "F", "B", "S", "SIM", "RET", "C4", "PERF", "PLW", "BLE", "RUF")
"""The families of rules that ruff is asked for, unless a team says otherwise."""
LEFT_OUT = ("S101",)
"""Rules that are not: an assert is no finding."""
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


class Finding(Struct, frozen=True):
    """What ruff found: the rule, the line, and what it says."""

    rule: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message} ({self.rule})"


class Place(Struct, frozen=True):
    """A function, class or statement at the top of a module: its name, and its lines, from 1 and inclusive."""

    name: str
    first: int
    last: int


def ruff_command() -> list[str]:
    """How ruff is called here.

    Raises:
        MissingExtra: if it is not installed.
    """
    if beside := shutil.which("ruff", path=sysconfig.get_path("scripts")):
        return [beside]  # five times as fast as a Python that begins it
    if importlib.util.find_spec("ruff"):
        return [sys.executable, "-m", "ruff"]
    if found := shutil.which("ruff"):
        return [found]
    raise MissingExtra.of("code", "a review of code")


@tool(idempotent=True, timeout=60.0)
def lint(source: str, rules: list[str]) -> list[Finding]:
    """What ruff finds in Python source, in the order of the lines; no configuration of anybody's is read."""
    return _findings(_ruff(source, "check", "--select", ",".join(rules), "--output-format", "json"))


@tool(idempotent=True, timeout=60.0)
def mend(source: str, rules: list[str], unsafe: bool = False) -> str:
    """Python source with all that ruff can mend by these rules; `unsafe` fixes may change what it does."""
    how = ["--unsafe-fixes"] if unsafe else []
    return (
        _ruff(source, "check", "--select", ",".join(rules), "--fix-only", "--silent", *how).lstrip("\n")
        or source
    )


def parse_error(source: str) -> str:
    """Why source is no Python; empty if it is."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        return f"it does not parse: {error}"
    return ""


def places(source: str) -> list[Place]:
    """The statements at the top of a module; functions and classes by name, with their decorators."""
    found: list[Place] = []
    for node in ast.parse(source).body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
        found.append(Place(getattr(node, "name", ""), first, node.end_lineno or first))
    return found


def parameters(source: str) -> dict[str, list[str]]:
    """The functions of a module, methods too, and the names of what each takes."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            args = node.args
            several = [one for one in (args.vararg, args.kwarg) if one is not None]
            found[node.name] = [
                one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs, *several)
            ]
    return found


def lines_of(source: str, first: int, last: int) -> str:
    """Lines of a text, from 1 and inclusive."""
    return "\n".join(source.splitlines()[first - 1 : last])


def put(source: str, place: Place, new: str) -> str:
    """Source with something else in a place."""
    lines = source.splitlines()
    lines[place.first - 1 : place.last] = new.strip("\n").splitlines()
    return "\n".join(lines) + "\n"


def code_in(text: str) -> str:
    """The code in a model's answer: its first fenced block, or all of it."""
    found = _FENCE.search(text)
    return (found[1] if found else text).strip("\n") + "\n"


def difference(old: str, new: str, name: str) -> str:
    """What changes from one text to another, as a unified diff."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{name}", f"b/{name}", lineterm="")
    return "\n".join(lines)


def added(diff: str) -> Mapping[str, frozenset[int]]:
    """The files of a unified diff, and which of their lines it adds or changes."""
    found: dict[str, set[int]] = {}
    name, at = "", 0
    for line in diff.splitlines():
        if line.startswith("+++ "):
            name = re.sub(r"^b/", "", line[4:].split("\t")[0].strip())
            found.setdefault(name, set())
        elif hunk := re.match(r"@@ -\d+(?:,\d+)? \+(\d+)", line):
            at = int(hunk[1])
        elif name and line.startswith("+"):
            found[name].add(at)
            at += 1
        elif name and not line.startswith("-"):
            at += 1
    return {name: frozenset(lines) for name, lines in found.items() if name != "/dev/null"}


def _ruff(source: str, *arguments: str) -> str:
    command = [*ruff_command(), *arguments, "--isolated", "--no-cache", "--ignore", ",".join(LEFT_OUT)]
    done = subprocess.run(  # noqa: S603 - ruff, with arguments of ours, and the source on its input
        [*command, "--stdin-filename", "given.py", "-"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > 1:
        raise ToolFailed(f"ruff failed: {done.stderr.strip()[:500]}")
    return done.stdout


def _findings(said: str) -> list[Finding]:
    rows: Sequence[dict[str, object]] = msgspec.json.decode(said)
    found = [
        Finding(
            str(row["code"] or "syntax"),
            msgspec.convert(row["location"], dict[str, int])["row"],
            str(row["message"]),
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.line, one.rule))
