"""What a fork may take from the run that it came from, so that only what depends on the change runs again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from coterie.kernel.replay import counted
from coterie.words.effect import body_of, kind_of
from coterie.words.event import Asked, Record, Settled
from coterie.words.message import Message
from coterie.words.usage import NOTHING

_UNCHANGED: Any = object()


class Memo:
    """The outcomes of a run by path.

    What settled before event `at` is taken as it happened, whatever is asked now. What settled
    from `at` on is taken only if the same is asked. What event `at` itself is about runs again,
    or comes out as `value`.
    """

    def __init__(self, run: str, records: Sequence[Record], at: int | None, value: Any = _UNCHANGED) -> None:
        self._run = run
        self._at = 0 if at is None else at
        self._asked: dict[str, bytes] = {}
        self._settled: dict[str, tuple[int, Settled]] = {}
        self._changed: dict[str, Settled | None] = {}
        for record in counted(records):
            self._learn(record)
        event = None if at is None else records[at].event
        if isinstance(event, (Asked, Settled)):
            changed = value is not _UNCHANGED
            self._changed[event.path] = self._altered(event.path, value) if changed else None

    def _learn(self, record: Record) -> None:
        event = record.event
        if isinstance(event, Asked):
            self._asked[event.path] = kind_of(event.effect).encode() + body_of(event.effect)
        elif isinstance(event, Settled):
            self._settled[event.path] = (record.seq, event)

    def _altered(self, path: str, value: Any) -> Settled:
        known = self._settled.get(path)
        was = known[1].value if known else None
        if isinstance(was, Message) and isinstance(value, str):
            value = replace(was, text=value, calls=())
        return Settled(path, value)

    def recall(self, ask: Asked) -> Settled | None:
        """How `ask` came out in the run before; None if it has to be asked of the world."""
        if ask.path in self._changed:
            return self._changed[ask.path]
        known = self._settled.get(ask.path)
        if known is None:
            return None
        seq, settled = known
        same = self._asked.get(ask.path) == kind_of(ask.effect).encode() + body_of(ask.effect)
        if seq >= self._at and not same:
            return None
        return replace(settled, usage=NOTHING, reused=self._run)
