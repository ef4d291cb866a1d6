"""A run at a moment: its journal up to an event, and all that the views of a run share."""

from __future__ import annotations

import time
from functools import cached_property

from coterie.doors.http.problems import Problem
from coterie.doors.page.door import Visit
from coterie.kernel.inquiries import Inquiry, questions
from coterie.kernel.replay import counted
from coterie.kernel.story import Branch, closed, opened, result, state, tree, usage
from coterie.words.event import Opened, Record
from coterie.words.result import Result, Status
from coterie.words.usage import Usage

TABS = ("story", "rounds", "talk", "board", "budget", "events")
"""The views of one run."""


class Moment:
    """A run as it stood after event `at`; the last one, unless an earlier one is asked for."""

    def __init__(self, id: str, journal: list[Record], at: int | None, *, tab: str = "story") -> None:
        if at is not None and not 0 <= at < len(journal):
            raise Problem(404, f"run {id!r} has events 0 to {len(journal) - 1}, and no {at}")
        self.id = id
        self.last = len(journal) - 1
        self.at = self.last if at is None else at
        self.past = at is not None and at < self.last
        self.records = journal[: self.at + 1]
        self.tab = tab if tab in TABS else TABS[0]
        self.over = closed(journal) is not None

    @cached_property
    def began(self) -> Opened:
        """How it began."""
        return opened(self.records)

    @property
    def team(self) -> str:
        """What its team is called."""
        return str(self.began.origin.get("name", self.began.actor))

    @cached_property
    def status(self) -> Status:
        """Where it stands."""
        return state(self.records)

    @cached_property
    def result(self) -> Result:
        """What it has come to."""
        return result(self.id, self.records)

    @cached_property
    def tree(self) -> Branch:
        """Its frames."""
        return tree(self.records)

    @cached_property
    def usage(self) -> Usage:
        """What it has spent."""
        return usage(self.records)[""]

    @cached_property
    def questions(self) -> list[Inquiry]:
        """What people are asked."""
        return list(questions(self.id, counted(self.records)).values())

    @property
    def start(self) -> float:
        """When it began."""
        return self.records[0].time

    @property
    def now(self) -> float:
        """The moment, in seconds since the epoch: that of its last event, where nothing is under way."""
        still = self.past or self.over or self.status in ("waiting", "paused")
        return self.records[-1].time if still else max(time.time(), self.records[-1].time)


async def moment(visit: Visit) -> Moment:
    """The moment that an address names."""
    journal = await visit.host.journal(visit.id)
    return Moment(visit.id, journal, visit.number("at"), tab=visit.query.get("tab", ""))
