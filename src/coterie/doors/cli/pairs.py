"""`NAME=VALUE` at the command line."""

from __future__ import annotations

from typing import Any

from coterie.errors import BadInput
from coterie.words.limits import parsed


def pair(text: str, form: str) -> tuple[str, str]:
    """The name and the value that a text says.

    Raises:
        BadInput: if it says none; `form` is what the message begins with, as in `a change is KEY=VALUE`.
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise BadInput(f"{form}, not {text!r}")
    return name, value


def caps_said(given: tuple[str, ...]) -> dict[str, Any]:
    """The limits that `NAME=VALUE` say.

    Raises:
        BadInput: if one says none.
    """
    try:
        return parsed(" ".join(given))
    except ValueError as error:
        raise BadInput(f"{' '.join(given)!r}: {error}") from error
