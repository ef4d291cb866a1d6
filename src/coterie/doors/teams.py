"""From what a team is called to the team, now or when its run is gone on with.

A team is called by the name of a ready-made one (`research`), or by where it is defined:
`FILE.py:NAME` or `module:NAME`, where NAME is an actor, a play, or a function that builds one.
A run remembers this as its `origin`, so that `resume`, `fork` and `replay` find the team again.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from coterie.actor import Actor
from coterie.errors import BadInput, MissingExtra
from coterie.team import actor_of
from coterie.teams import READY
from coterie.teams.option import Option
from coterie.words.event import Opened


def options_of(team: str) -> tuple[Option, ...]:
    """What a team can be told when it is built; nothing for one that is not ready-made."""
    if team not in READY:
        return ()
    options: tuple[Option, ...] = _ready(team).OPTIONS
    return options


def origin_of(team: str, options: Mapping[str, Any], model: str | None = None) -> dict[str, Any]:
    """What a run remembers of how its team was called, whatever folder it is resumed from."""
    origin: dict[str, Any] = {"team": _absolute(team)}
    if options:
        origin["options"] = dict(options)
    if model:
        origin["model"] = model
    return origin


def team_of(origin: Mapping[str, Any]) -> Actor:
    """The team that an origin names, built anew.

    Raises:
        BadInput: if there is no such team, or its file cannot be run.
        MissingExtra: if it needs a part of Coterie that is not installed.
    """
    team, options = origin["team"], origin.get("options", {})
    if team in READY:
        return _built(team, _ready(team).build, options)
    place, colon, name = team.rpartition(":")
    if not colon or not place or not name:
        raise BadInput(_no_such_team(team))
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    return _actor(team, module, name)


def team_of_run(began: Opened, team: str | None = None) -> Actor:
    """The team of a run: the one it remembers, unless another is named here.

    Raises:
        BadInput: if it remembers none, or there is none of that name.
    """
    if team is not None:
        return team_of({"team": team, "options": began.origin.get("options", {})})
    if "team" not in began.origin:
        raise BadInput(
            f"run {began.run!r} was not started by `coterie run`, so it does not say where its team is: "
            "name it with --team FILE.py:NAME"
        )
    return team_of(began.origin)


def _no_such_team(team: str) -> str:
    ready = ", ".join(map(repr, sorted(READY)))
    if team.endswith(".py"):
        return f"which actor in {team!r}? Name it, as in {team + ':panel'!r}"
    if team.endswith((".yaml", ".yml", ".json", ".toml")):
        return f"{team!r} is no Python file; a team is a Python file's actor, as in 'team.py:panel'"
    return f"there is no team {team!r}: say one of {ready}, 'FILE.py:NAME' or 'module:NAME'"


def _absolute(team: str) -> str:
    place, colon, name = team.rpartition(":")
    return f"{Path(place).resolve()}{colon}{name}" if colon and place.endswith(".py") else team


def _ready(team: str) -> ModuleType:
    """The module of a ready-made team.

    Raises:
        MissingExtra: if it imports what is not installed.
    """
    try:
        return importlib.import_module(READY[team])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("coterie"):
            raise
        raise MissingExtra.of("local", f"the team {team!r}, which imports {error.name!r},") from error


def _built(team: str, build: Any, options: Mapping[str, Any]) -> Actor:
    try:
        return actor_of(build(**options))
    except TypeError as error:
        raise BadInput(f"team {team!r} cannot be built with {dict(options)}: {error}") from error


def _file(path: Path) -> ModuleType:
    """The module in a file; its neighbours can be imported by it, as if Python had been given the file."""
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r}: check the path")
    path = path.resolve()
    # Called `team.py`, it takes no real module's place, and its plays have one name wherever it lies.
    spec = importlib.util.spec_from_file_location(path.name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{str(path)!r} cannot be run as Python")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[path.name] = module  # annotations are looked up there
    try:
        spec.loader.exec_module(module)
    except MissingExtra:
        raise
    except Exception as error:  # a file of the user's may raise anything
        raise BadInput(f"{str(path)!r} cannot be run: {_where(error, str(path))}") from error
    return module


def _module(name: str) -> ModuleType:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except MissingExtra:
        raise
    except Exception as error:  # a module of the user's may raise anything
        raise BadInput(f"the module {name!r} cannot be imported: {_where(error, name)}") from error


def _where(error: Exception, path: str) -> str:
    """What was raised and in which line of the user's file, on one line."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return said
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f"{said} (line {lines[-1]})" if lines else said


def _actor(team: str, module: ModuleType, name: str) -> Actor:
    found = getattr(module, name, None)
    if found is None:
        actors = sorted(key for key, value in vars(module).items() if isinstance(value, Actor))
        raise BadInput(f"{team!r}: there is no {name!r}; the actors there are {actors}")
    if callable(found) and not isinstance(found, Actor) and not inspect.iscoroutinefunction(found):
        return _built(team, found, {})
    try:
        return actor_of(found)
    except BadInput as error:
        raise BadInput(f"{team!r}: {error.message}") from error
