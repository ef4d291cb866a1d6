"""What is left of a run that was pruned: that there was one, and who let go of it."""

from __future__ import annotations

from msgspec import Struct


class Pruned(Struct, frozen=True, kw_only=True):
    """A run that a store has let go of. Times are seconds since the epoch.

    `head` is the hash of its last page in hex, so that an export of it that somebody kept can be told from another;
    empty where the store kept no pages.
    """

    run: str
    team: str
    status: str
    events: int
    head: str
    started: float
    updated: float
    at: float
    by: str
    why: str = ""
