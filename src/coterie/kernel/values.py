"""Values that a journal can hold: their JSON shape, and a clear error for what has none."""

from __future__ import annotations

from typing import Any

import msgspec

from coterie.errors import Unstorable
from coterie.words.digest import encode, plain

LARGEST = 16 * 1024 * 1024
"""Bytes that one value may have in a journal."""
ATOMS = {type(None), bool, int, float, str}
"""The types of values that are their own JSON shape."""
_REFUSALS = (NotImplementedError, TypeError, ValueError, OverflowError, RecursionError)


def to_plain(value: Any) -> Any:
    """The JSON shape of `value`: dicts, lists, strings, numbers, booleans and None.

    Raises:
        TypeError: if a part of it has none.
    """
    if type(value) in ATOMS:
        return value
    try:
        return msgspec.to_builtins(value, enc_hook=plain, str_keys=True)
    except _REFUSALS as error:
        raise TypeError(str(error)) from error


def storable(value: Any, path: str) -> Any:
    """`value` in its JSON shape.

    Raises:
        Unstorable: if it has none, or is larger than `LARGEST`; the message says what, and where in it.
    """
    kind = value.__class__
    if kind in ATOMS and (kind is not str or len(value) <= LARGEST // 4):
        return value
    try:
        shape = to_plain(value)
        size = len(encode(shape))
    except _REFUSALS as error:
        where, what = _culprit(value)
        message = f"cannot be stored: {where} is a {what} ({error}). Use JSON-shaped data"
        raise Unstorable(message, path=path) from error
    if size > LARGEST:
        message = f"cannot be stored: $ is a {kind.__name__} of {size:,} bytes, {LARGEST:,} are allowed. Store its name"
        raise Unstorable(message, path=path)
    return shape


def _culprit(value: Any, where: str = "$") -> tuple[str, str]:
    """The JSON path and the type of the first part that has no JSON shape."""
    kind = value.__class__
    parts: list[tuple[str, Any]] = []
    if issubclass(kind, dict):
        parts = [(f"{where}.{key}", part) for key, part in value.items()]
    elif issubclass(kind, (list, tuple)):
        parts = [(f"{where}[{n}]", part) for n, part in enumerate(value)]
    for deeper, part in parts:
        try:
            encode(to_plain(part))
        except _REFUSALS:
            return _culprit(part, deeper)
    return where, str(kind.__name__)
