"""Ready-made teams, as a team file uses them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from coterie.actor import Actor
from coterie.errors import BadInput, MissingExtra
from coterie.team import actor_of
from coterie.teams import READY
from coterie.teams.option import Option

_PATHS = ("folder", "file", "store")


def module_of(team: str) -> ModuleType:
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


def ready(team: str, given: Mapping[str, Any], folder: Path | None = None) -> Actor | None:
    """The ready-made team of that name with its options; None if there is none.

    Paths are taken from `folder`, which is where the file that names them lies.

    Raises:
        BadInput: if it has no such option, or needs one.
        MissingExtra: if it imports what is not installed.
    """
    if team not in READY:
        return None
    module = module_of(team)
    options: tuple[Option, ...] = module.OPTIONS
    known = {one.name: one for one in options}
    unknown = [name for name in given if name not in known]
    lacking = [one.name for one in options if one.required and one.name not in given]
    if unknown or lacking:
        what = f"has no option {unknown[0]!r}" if unknown else f"needs {lacking[0]!r}"
        raise BadInput(f"the team {team!r} {what}; its options are {', '.join(known)}")
    chosen = {one.name: one.default for one in options if one.default is not None}
    chosen |= {name: _absolute(known[name], value, folder) for name, value in given.items()}
    return built(team, module.build, chosen)


def built(team: str, build: Any, options: Mapping[str, Any]) -> Actor:
    """What a builder makes of its options.

    Raises:
        BadInput: if it can do nothing with them.
    """
    try:
        return actor_of(build(**options))
    except TypeError as error:
        raise BadInput(f"team {team!r} cannot be built with {dict(options)}: {error}") from error


def actor_in(found: Any, called: str) -> Actor:
    """The actor that something in a Python file is: an actor, a play, or a function that builds one.

    Raises:
        BadInput: if it is none of these.
    """
    if callable(found) and not isinstance(found, Actor) and not inspect.iscoroutinefunction(found):
        return built(called, found, {})
    try:
        return actor_of(found)
    except BadInput as error:
        raise BadInput(f"{called!r}: {error.message}") from error


def _absolute(option: Option, value: Any, folder: Path | None) -> Any:
    if option.kind not in _PATHS or folder is None:
        return value
    return str((folder / str(value)).resolve())
