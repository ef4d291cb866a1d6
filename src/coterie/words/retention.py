"""Retention: which runs a store lets go of, once they have ended."""

from __future__ import annotations

from msgspec import Struct


class Retention(Struct, frozen=True, kw_only=True):
    """Runs that ended more than `older` seconds ago, with one of `statuses` (any, if there are none).

    The newest `keep` of them stay, whatever their age.
    """

    older: float
    statuses: tuple[str, ...] = ()
    keep: int = 0
