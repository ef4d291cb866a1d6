"""The teams there are to run: ready-made ones, and those that the files of a folder name. Nothing is run to tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from coterie.doors.drawing import calls
from coterie.doors.teams import options_of
from coterie.errors import MissingExtra
from coterie.teamfile import BadFile, opened
from coterie.teamfile.forms import pattern_forms
from coterie.teamfile.load import SUFFIXES
from coterie.teamfile.survey import survey, walk
from coterie.teams import READY
from coterie.teams.option import Option

FILES = 200
"""Files of a folder that are looked at."""


class Listed(Struct, frozen=True):
    """A team as it can be given to `coterie run`, what it does, and what it needs, a line each."""

    team: str
    about: str = ""
    needs: tuple[str, ...] = ()


def ready_made() -> list[Listed]:
    """The ready-made teams, with their options."""
    return [_ready(name) for name in READY]


def _ready(name: str) -> Listed:
    about = _first_line(_docstring(READY[name]))
    try:
        return Listed(name, about, tuple(map(option_line, options_of(name))))
    except MissingExtra as error:
        return Listed(name, about, (error.message,))


def option_line(option: Option) -> str:
    """An option of a team on one line, as its help says it."""
    flag = f"--{option.name.replace('_', '-')}"
    required = " (required)" if option.required else ""
    value = "" if option.kind == "flag" else f" {option.kind.upper()}"
    return f"{flag}{value}  {option.help}{required}"


def _docstring(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    return ast.get_docstring(ast.parse(Path(spec.origin).read_bytes())) or ""


def teams_in(folder: Path) -> list[Listed]:
    """The teams that files of `folder` name: team files, and Python files by their source."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())[:FILES]
    return [
        one
        for path in paths
        for one in (
            _in_yaml(path) if path.suffix in SUFFIXES else _in_python(path) if path.suffix == ".py" else ()
        )
    ]


def _in_yaml(path: Path) -> Iterator[Listed]:
    """The team that a file is; nothing for YAML of other kinds."""
    try:
        found = opened(path)
    except BadFile as error:
        if b"\nteam" in b"\n" + path.read_bytes():
            yield Listed(str(path), f"cannot be read: {error.problems[0]}")
        return
    if not {"agents", "teams", "team"} & found.keys:
        return
    try:
        root = survey(found.actor)
    except BadFile as error:
        count = len(error.problems)
        yield Listed(str(path), f"{count} mistake{'' if count == 1 else 's'}: coterie check {path}")
        return
    models = sorted({node.model for node in walk(root) if node.model})
    needs = f"{root.kind} of {', '.join(one.name for one in root.members)}; {calls(root)}"
    yield Listed(
        str(path), found.description or root.about, (needs, f"models: {', '.join(models) or 'none'}")
    )


def _in_python(path: Path) -> Iterator[Listed]:
    """What a Python file assigns that is called like a team, or is a function that says it gives one."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    makers = {*pattern_forms(), "Team", "Agent"}
    for one in tree.body:
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Call):
            maker = ast.unparse(one.value.func).rpartition(".")[2]
            names = [target.id for target in one.targets if isinstance(target, ast.Name)]
            yield from (Listed(f"{path}:{name}", maker.lower()) for name in names if maker in makers)
        elif isinstance(one, ast.FunctionDef) and _builds(one):
            yield Listed(f"{path}:{one.name}", _first_line(ast.get_docstring(one) or ""))


def _builds(one: ast.FunctionDef) -> bool:
    """Whether a function says that it gives an actor, and wants nothing for it."""
    return (
        one.returns is not None
        and not one.args.args
        and ast.unparse(one.returns) in ("Team", "Agent", "Actor")
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
