"""What a run came to."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from coterie.words.effect import Ask
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.usage import NOTHING, Usage

Status: TypeAlias = Literal[
    "running",
    "waiting",
    "paused",
    "succeeded",
    "unverified",
    "failed",
    "stuck",
    "cancelled",
    "needs_migration",
    "renewed",
]
"""Where a run stands.

`waiting`: only people or outside messages can move it. `paused`: nobody goes on with it until it is
resumed. `unverified`: it ended, but its done-when did not hold. `stuck`: a deadlock or no progress.
`needs_migration`: the code no longer fits its manifest. `renewed`: it goes on as another run, whose id is its text.
"""


class Result(Struct, frozen=True, kw_only=True):
    """The outcome of a run: the answer if there is one, and always what was finished and spent."""

    id: str
    status: Status
    message: Message | None = None
    failure: Failure | None = None
    usage: Usage = NOTHING
    parts: tuple[Message, ...] = ()
    missing: tuple[Failure, ...] = ()
    waiting: dict[str, Ask] = {}
    """Open questions by their path: answer one with `run.answer(path, value)`."""

    @property
    def text(self) -> str:
        """The answer's text; empty where there is no answer."""
        return self.message.text if self.message else ""

    @property
    def output(self) -> Any:
        """The answer's typed value, or its text where it has none."""
        if self.message is None:
            return None
        return self.message.text if self.message.output is None else self.message.output

    def __str__(self) -> str:
        return self.text


class Overview(Struct, frozen=True, kw_only=True):
    """One run at a glance, as a store lists it; times are seconds since the epoch.

    `team` is what it was asked for as, and `task` is the first of it, `TASK` characters at most. `wakes` is
    when time moves it on, if it was put away until then.
    """

    id: str
    actor: str
    task: str
    status: str
    events: int
    started: float
    updated: float
    team: str = ""
    usage: Usage = NOTHING
    wakes: float | None = None


TASK = 1_000
"""Characters of a task that a listing has."""
