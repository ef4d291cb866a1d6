"""Checks as plain data: what an answer has to contain, equal, match or fit."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from coterie.kernel.values import to_plain
from coterie.teamfile.shape import complaints, faults
from coterie.typed import parse
from coterie.words.message import Message


class Check:
    """One thing that has to hold of a message: calling it gives what is wrong, or nothing.

    `equals` compares with the text but for case, white space and a full stop, or, where it is no text,
    with the output. `contains` (one text or several) looks into the text but for case, `matches` is a
    regular expression, and `schema` what JSON in the answer has to fit.
    """

    def __init__(self, kind: str, wanted: Any) -> None:
        self.kind = kind
        self.wanted = wanted
        self.name = f"{kind} {msgspec.json.encode(wanted).decode()}"

    def __repr__(self) -> str:
        return f"Check({self.name})"

    def __call__(self, message: Message) -> str:
        holds = KINDS[self.kind]
        return holds(message, self.wanted)


def _equals(message: Message, wanted: Any) -> str:
    if isinstance(wanted, str):
        good = bare(message.text) == bare(wanted)
        return "" if good else f"the answer has to be {wanted!r}"
    said = to_plain(message.output) if message.output is not None else _value(message.text)
    return "" if said == wanted else f"the answer has to be {msgspec.json.encode(wanted).decode()}"


def _contains(message: Message, wanted: Any) -> str:
    said = message.text.casefold()
    lacking = [one for one in ([wanted] if isinstance(wanted, str) else wanted) if one.casefold() not in said]
    return f"the answer lacks {', '.join(map(repr, lacking))}" if lacking else ""


def _matches(message: Message, wanted: Any) -> str:
    return "" if re.search(wanted, message.text) else f"the answer does not match {wanted!r}"


def _fits(message: Message, wanted: Any) -> str:
    if message.output is not None:
        return next(complaints(to_plain(message.output), wanted, "$"), "")
    try:
        value = parse(message.text, Any)
    except ValueError as error:
        return str(error)
    return next(complaints(value, wanted, "$"), "")


KINDS = {"equals": _equals, "contains": _contains, "matches": _matches, "schema": _fits}
"""What can be said of an answer as plain data."""


def bare(text: str) -> str:
    """A text without case, a full stop, and white space that says nothing."""
    return " ".join(text.split()).strip(" .!\"'`*").casefold()


def check_of(kind: str, wanted: Any) -> Check:
    """The check that one key and its value say.

    Raises:
        ValueError: if they say none.
    """
    if kind == "matches":
        try:
            re.compile(wanted if isinstance(wanted, str) else "(")
        except re.error as error:
            raise ValueError(f"matches is a regular expression: {error}") from error
    if kind == "contains" and not isinstance(wanted, str):
        try:
            wanted = msgspec.convert(wanted, list[str])
        except msgspec.ValidationError as error:
            raise ValueError("contains is a text, or a list of texts") from error
    if kind == "schema" and (problem := next(faults(wanted), "")):
        raise ValueError(problem)
    return Check(kind, wanted)


def _value(text: str) -> Any:
    try:
        return parse(text, Any)
    except ValueError:  # no JSON: a text
        return text
