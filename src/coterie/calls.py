"""How often a team calls its members at most: said by each pattern beside its loop, and added up by whoever asks."""

from __future__ import annotations

import math

from msgspec import Struct

from coterie.actor import Actor

ENDLESS = math.inf
"""As often as its members want: nothing but a limit bounds it."""


class Calls(Struct, frozen=True):
    """How often `actors` are called at most for one task: each of them, or, `together`, all of them in sum."""

    actors: tuple[Actor, ...]
    most: float
    together: bool = False


def each(most: float, *those: object) -> Calls:
    """Each of `those` that is an actor is called `most` times at most; what is none costs no call."""
    return Calls(tuple(one for one in those if isinstance(one, Actor)), most)


def together(most: float, *those: object) -> Calls:
    """All actors of `those` in sum are called `most` times at most."""
    return Calls(tuple(one for one in those if isinstance(one, Actor)), most, together=True)
