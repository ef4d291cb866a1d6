"""Kinds in words: what may stand somewhere, as messages say it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coterie.teamfile.checks import KINDS
from coterie.teamfile.kinds import (
    ACheck,
    AnActor,
    APolicy,
    ATool,
    AType,
    Call,
    Either,
    Fields,
    Kind,
    Named,
    Plain,
    Python,
    Several,
    Word,
)


def may_be(kind: Kind) -> str:
    """What a kind lets stand there, for people."""
    return " or ".join(dict.fromkeys(_words(kind)))


def _words(kind: Kind) -> Iterator[str]:
    match kind:
        case Either(of=of):
            for one in of:
                yield from _words(one)
        case Plain(type=type_):
            yield {"str": "a text", "int": "a number", "float": "a number", "bool": "true or false"}.get(
                getattr(type_, "__name__", ""),
                f"a mapping with {', '.join(struct_fields(type_)) or 'anything'}",
            )
        case Several(of=of):
            yield f"a list of: {may_be(of)}"
        case Fields(form=form):
            yield f"a mapping with {', '.join(one.name for one in form.params)}"
        case Call(form=form):
            yield f"`{form.name}: ...`"
        case Word(words=words):
            yield ", ".join(words)
        case _:
            yield _SAID[type(kind)]


def struct_fields(kind: Any) -> tuple[str, ...]:
    """The fields of a struct; nothing for another type."""
    fields: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
    return fields


_SAID: dict[type, str] = {
    AnActor: "an actor",
    Named: "a mapping by name",
    Python: "`python: module:name`",
    ACheck: f"one of {', '.join(KINDS)}",
    ATool: "a tool",
    AType: "a JSON schema or a type",
    APolicy: "a policy",
}
