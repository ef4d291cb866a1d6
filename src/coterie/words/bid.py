"""What is said in an auction, and what is remembered of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Bid(Struct, frozen=True):
    """What a bidder offers for a task: whether it will, how well from 0 to 1, for how much, and how soon.

    `cost` is in any one currency, such as US dollars.
    """

    willing: bool
    capability: Annotated[float, Meta(ge=0, le=1)] = 0.5
    cost: Annotated[float, Meta(ge=0)] = 0.0
    seconds: Annotated[float, Meta(ge=0)] = 0.0
    reason: str = ""


class Award(Struct, frozen=True):
    """Who got a task in which round, with what bid and at what score."""

    to: str
    round: int
    score: float
    bid: Bid


class Track(Struct, frozen=True):
    """How often a bidder has done what it was awarded, and how often it has failed."""

    successes: int = 0
    failures: int = 0

    @property
    def trust(self) -> float:
        """The chance that it does the next one, by Laplace's rule of succession: a half for who is new."""
        return (self.successes + 1) / (self.successes + self.failures + 2)
