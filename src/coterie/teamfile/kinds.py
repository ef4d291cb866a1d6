"""Kinds: what may stand somewhere in a team file, as values; `forms` finds them, `reader` and `schema` follow them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct


class Kind(Struct, frozen=True):
    """What may stand somewhere."""


class AnActor(Kind, frozen=True):
    """An actor: the name of one, or one written out."""


class Plain(Kind, frozen=True):
    """Plain data of a type."""

    type: Any


class Several(Kind, frozen=True):
    """A list, each of one kind; one alone may stand for a list of one."""

    of: Kind


class Named(Kind, frozen=True):
    """A mapping from names to one kind."""

    of: Kind


class Fields(Kind, frozen=True):
    """A mapping with the parameters of a class."""

    form: Form


class Call(Kind, frozen=True):
    """A mapping whose key names a function, and whose value is what that is given first."""

    form: Form


class Word(Kind, frozen=True):
    """A function or a value by its name."""

    words: dict[str, Any]


class Python(Kind, frozen=True):
    """`python: module:name`, imported when the team is built to be run."""

    many: bool = False


class ACheck(Kind, frozen=True):
    """What has to hold of an answer, as plain data."""


class ATool(Kind, frozen=True):
    """A tool, by a dotted name or the name of one that is registered."""


class AType(Kind, frozen=True):
    """The type of an answer: a JSON schema, or the name of a Python type."""


class APolicy(Kind, frozen=True):
    """What happens where branches fail."""


class Either(Kind, frozen=True):
    """One of several kinds."""

    of: tuple[Kind, ...]


class Param(Struct, frozen=True, kw_only=True):
    """One parameter: its name, its kind, whether it has to be given, and what it is if it is not.

    `leading` ones are told by position; of those, `rest` takes all that are left.
    """

    name: str
    kind: Kind
    required: bool = False
    default: Any = None
    leading: bool = False
    rest: bool = False


class Form(Struct, frozen=True, kw_only=True):
    """How something is called: its name, what builds it, its parameters, and what it is for in a sentence."""

    name: str
    build: Callable[..., Any]
    params: tuple[Param, ...]
    about: str = ""

    @property
    def first(self) -> Param | None:
        """The parameter that the value beside its name is for."""
        return self.params[0] if self.params and self.params[0].leading else None

    @property
    def others(self) -> dict[str, Param]:
        """All other parameters by name."""
        return {one.name: one for one in self.params[1 if self.first else 0 :]}

    def called(self, given: dict[str, Any]) -> Any:
        """What comes of building it with parameters by name."""
        args: list[Any] = []
        for one in self.params:
            if one.leading and one.name in given:
                args += given[one.name] if one.rest else [given[one.name]]
        named = {one.name: given[one.name] for one in self.params if not one.leading and one.name in given}
        return self.build(*args, **named)
