"""A run that this process writes: its lease, where its journal stands, and what of that is on disk."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from msgspec import Struct

from coterie.kernel.story import listed
from coterie.ports import Hear
from coterie.wire.journal import Writer, packed, sealed
from coterie.words.event import Closed, Record
from coterie.words.result import Overview

LARGE = 65536
"""Bytes from which a content is kept once for all runs."""
NOWHERE = (0, 0, b"")


class Added(Struct, frozen=True, gc=False):
    """One page that is to be written; it is the `number`-th of its run."""

    held: Held
    seq: int
    count: int
    body: bytes
    contents: bytes
    number: int
    hash: bytes


class Held:
    """One run that this process writes.

    `seq`, `pages` and `head` count what was added to it; `written` is the pack of the last page on disk,
    how many pages there are, and the hash of that one.
    """

    __slots__ = (
        "end",
        "epoch",
        "first",
        "handed",
        "head",
        "hear",
        "key",
        "pages",
        "records",
        "run",
        "seq",
        "until",
        "writer",
        "written",
    )

    def __init__(self, run: str, key: int, epoch: int, hear: Hear | None) -> None:
        self.run = run
        self.key = key
        self.epoch = epoch
        self.hear = hear
        self.until = inf
        """Until when nobody else can have it, by the clock of the loop, as far as its place can tell."""
        self.handed: set[int] = set()
        """Signals that were handed over and are kept still."""
        self.first: Record | None = None
        self.end: Record | None = None
        self.seq = self.pages = 0
        self.head = b""
        self.written: tuple[int, int, bytes] = NOWHERE
        self.writer = Writer()
        self.records: list[Record] | None = []

    @property
    def ended(self) -> bool:
        """Whether its last event closed it."""
        return self.end is not None

    def add(self, records: Sequence[Record], blobs: list[tuple[bytes, bytes]]) -> Added:
        """The next page. What is large of its contents goes to `blobs`.

        Raises:
            Unstorable: if a value has no MessagePack shape.
        """
        body, fresh = self.writer.page(records)
        contents = _apart(fresh, blobs) if fresh else b""
        seq, count = self.seq, len(records)
        self.head = head = sealed(self.head, self.run, seq, count, body, contents)
        self.seq = seq + count
        self.pages = number = self.pages + 1
        self.records = None
        if seq == 0:
            self.first = records[0]
        last = records[-1]
        self.end = last if type(last.event) is Closed else None
        return Added(self, seq, count, body, contents, number, head)


def overview_of(held: Held) -> Overview | None:
    """How a run is listed that has ended; None while it has not."""
    first, end = held.first, held.end
    if first is None or end is None or not isinstance(end.event, Closed):
        return None
    return listed(held.run, first, end, end.event.status, end.event.usage)


def _apart(fresh: dict[bytes, bytes], blobs: list[tuple[bytes, bytes]]) -> bytes:
    """The contents of a page as bytes, without the large ones."""
    large = [name for name, content in fresh.items() if len(content) >= LARGE]
    blobs += [(name, fresh.pop(name)) for name in large]
    return packed(fresh)
