"""Roles: what a member of a team does and does not do, as plain data, and instructions made of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from coterie.agent import Agent
from coterie.errors import BadInput

LIBRARY = Path(__file__).with_suffix(".toml")
"""The roles that come with Coterie, in a file that people read."""


class Role(Struct, frozen=True, forbid_unknown_fields=True):
    """A part that somebody can play: who it is, what it does, what it does not, and how it answers.

    Every part but the name may be left out. `msgspec.structs.replace` makes another role of it.
    """

    name: str
    who: str = ""
    does: tuple[str, ...] = ()
    does_not: tuple[str, ...] = ()
    answer: str = ""

    @property
    def instructions(self) -> str:
        """What a model is told of this role."""
        parts = [self.who, _list("You:", self.does), _list("You do not:", self.does_not)]
        return "\n\n".join(filter(None, [*parts, self.answer and f"Your answer: {self.answer}"]))

    def agent(self, name: str = "", **options: Any) -> Agent:
        """An agent in this role, called as it unless there is a `name`; takes the options of `Agent`."""
        return Agent(name or self.name, self.instructions, **options)


def role(name: str, **parts: Any) -> Role:
    """The role of that name in the library, with `parts` (`who`, `does`, `does_not`, `answer`) in its place.

    Raises:
        BadInput: if there is no such role, or a part is none or does not fit.
    """
    if name not in (known := library()):
        raise BadInput(f"there is no role {name!r}; there are {', '.join(known)}")
    return _made({**asdict(known[name]), **parts}, name)


@cache
def library() -> Mapping[str, Role]:
    """Every role of the library, by name, in the order of its file."""
    return MappingProxyType(read(LIBRARY))


def read(path: str | Path) -> dict[str, Role]:
    """The roles of a TOML file: a table each, with `who`, `does`, `does_not` and `answer`.

    Raises:
        BadInput: if the file cannot be read, or something in it is no role.
    """
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: neither UTF-8 nor TOML
        raise BadInput(f"the roles in {str(path)!r} cannot be read: {error}") from error
    return {name: _in_table(name, table, str(path)) for name, table in tables.items()}


def _in_table(name: str, table: object, path: str) -> Role:
    if not isinstance(table, dict):
        raise BadInput(f"{name!r} in {path!r} is no table: a role begins with [{name}]")
    return _made({**cast("dict[str, Any]", table), "name": name}, f"{name} in {path}")


def _made(fields: dict[str, Any], what: str) -> Role:
    try:
        return msgspec.convert(fields, Role)
    except msgspec.ValidationError as error:
        raise BadInput(f"role {what!r}: {error}; its parts are who, does, does_not and answer") from error


def _list(head: str, items: tuple[str, ...]) -> str:
    return "\n".join((head, *(f"- {item}" for item in items))) if items else ""
