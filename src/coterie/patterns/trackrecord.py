"""Track records: who has done what it was awarded, remembered across runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Protocol

from coterie.errors import BadInput
from coterie.tool import Tool
from coterie.words.bid import Track


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


def steps(record: Record) -> tuple[Tool, Tool]:
    """Reading and noting, as steps that a play can do."""
    note = Tool(record.note, name="note")
    note.idempotent = note.takes_key
    return Tool(record.tracks, name="tracks", idempotent=True), note
