"""Votes: what a voter says, and what a rule makes of all of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Vote(Struct, frozen=True, omit_defaults=True):
    """One voter's choice, or its ranking (the best first), or all it approves of; how sure it is, and why.

    `proposal` is the version of the proposal that it is about, where there are versions.
    """

    choice: str = ""
    ranking: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    confidence: Annotated[float, Meta(ge=0, le=1)] = 1.0
    reason: str = ""
    abstain: bool = False
    proposal: int = 0


class Ballot(Struct, frozen=True):
    """A vote, and whose it is."""

    voter: str
    vote: Vote


class Tally(Struct, frozen=True, kw_only=True):
    """What a rule makes of the votes.

    `winner` is empty where nothing is decided; `why` says why, and `tied` between whom. `scores` are by
    choice, `rounds` those of each round of a run-off. `confidence` is the mean of those who voted for
    the winner. `dissent` is every vote for something else.
    """

    rule: str
    winner: str = ""
    why: str = ""
    scores: dict[str, float] = {}
    tied: tuple[str, ...] = ()
    rounds: tuple[dict[str, float], ...] = ()
    turnout: int = 0
    confidence: float = 0.0
    abstained: tuple[str, ...] = ()
    dissent: tuple[Ballot, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether there is a winner."""
        return bool(self.winner)
