"""Track records: who has done what it was awarded, remembered across runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Protocol, TypeAlias

import msgspec
from msgspec import Struct

from coterie.actor import do
from coterie.errors import BadInput
from coterie.recall import decided, past
from coterie.tool import Tool
from coterie.words.bid import Track
from coterie.words.task import Task

SHOWN = 400
"""Letters of an outcome that are remembered."""


class Record(Protocol):
    """What remembers awards. Both methods may be async; each call is one journaled step.

    A `note` that takes an `idempotency_key` has to count a key once; it is then simply repeated after a
    crash in the middle of it. One without waits for a person, as any step with consequences does.
    """

    def tracks(self, bidders: list[str]) -> dict[str, Track] | Awaitable[dict[str, Track]]:
        """The tracks of `bidders`; who is new may be left out."""
        ...

    def note(self, bidder: str, succeeded: bool, idempotency_key: str = "") -> Awaitable[None] | None:
        """Remember how one award ended."""
        ...


class TrackRecord:
    """A record in memory of the last `window` awards; any number of runs and threads may share it."""

    def __init__(self, window: int = 1000) -> None:
        if window < 1:
            raise BadInput(f"a track record remembers 1 award or more, not {window}")
        # Adding to a deque and copying one are single steps of the interpreter, so no lock is needed.
        self._awards: deque[tuple[str, str, bool]] = deque(maxlen=window)

    def tracks(self, bidders: list[str]) -> dict[str, Track]:
        """The tracks of `bidders` in the window."""
        awards = list(self._awards)
        keyed = {key: (who, good) for key, who, good in awards if key}
        ended = [*keyed.values(), *((who, good) for key, who, good in awards if not key)]
        return {one: Track(ended.count((one, True)), ended.count((one, False))) for one in bidders}

    def note(self, bidder: str, succeeded: bool, idempotency_key: str = "") -> None:
        """Remember how one award ended; the same key counts once."""
        self._awards.append((idempotency_key, bidder, succeeded))


class Episodes(Struct, frozen=True):
    """The memory of the run as a record: what came of the `like` past tasks that are most like the one at hand.

    Each award is remembered as an episode, and found again by likeness of its task; `good` is the score
    from which one counts as a success. It needs `run(..., memory=...)`.
    """

    like: int = 20
    good: float = 0.5

    async def tracks(self, task: Task, names: Sequence[str]) -> dict[str, Track]:
        """The tracks of `names` in tasks like `task`."""
        found = await past(task.text, limit=self.like)
        ended = [(one.choice, one.score >= self.good) for one in found]
        return {name: Track(ended.count((name, True)), ended.count((name, False))) for name in names}

    async def note(self, task: Task, name: str, succeeded: bool, outcome: str = "") -> None:
        """Remember how one award ended."""
        await decided(task.text, name, outcome=outcome[:SHOWN], score=float(succeeded))


class Steps:
    """A record in the world, read and noted by journaled steps."""

    def __init__(self, record: Record) -> None:
        self._tracks = Tool(record.tracks, name="tracks", idempotent=True, trusted=True)
        self._note = Tool(record.note, name="note", trusted=True)
        self._note.idempotent = self._note.takes_key

    async def tracks(self, task: Task, names: Sequence[str]) -> dict[str, Track]:
        """The tracks of `names`, whatever the task."""
        return msgspec.convert(await do(self._tracks, [*names]), dict[str, Track])

    async def note(self, task: Task, name: str, succeeded: bool, outcome: str = "") -> None:
        """Remember how one award ended."""
        await do(self._note, name, succeeded)


Past: TypeAlias = Episodes | Steps
"""What a play asks about the past, and tells how it goes on."""


def past_of(record: Record | Episodes | None) -> Past | None:
    """A record as a play uses it."""
    return record if record is None or isinstance(record, Episodes) else Steps(record)
