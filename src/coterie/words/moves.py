"""Moves: how newer code reads the past of a run that older code began."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from coterie.words.failure import Failure


class Past(Struct, frozen=True, kw_only=True):
    """One step of a run so far: where, what it asked for (`think`, `use`, `ask`, ...), and what came of it.

    `done` says whether it has ended; `value` is what it came to, in JSON shape but for the message of a model.
    """

    path: str
    kind: str
    done: bool = False
    value: Any = None
    failure: Failure | None = None


class Moves(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What newer code is told of the past. Whatever it does not name stays as it happened.

    `renamed` gives steps, or frames with all below them, the paths that the new code has for them. `dropped` are steps
    or frames that it does not ask for; what they cost stays counted. `values` are what steps came to in the words
    of the new code, by their new paths, and `answered` what steps of the new code come to that the old one never asked:
    nothing is done for them. For a model's step a text will do.
    """

    renamed: dict[str, str] = {}
    dropped: tuple[str, ...] = ()
    values: dict[str, Any] = {}
    answered: dict[str, Any] = {}


Migrate: TypeAlias = Callable[[Sequence[Past]], Moves]
"""Says how the past of a run is read by newer code, from what happened in it so far."""
