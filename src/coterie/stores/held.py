"""A run that this process writes: its lease, where its journal stands, and what of that is on disk."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.ports import Hear
from coterie.wire.journal import Writer, packed, sealed
from coterie.words.event import Closed, Record

LARGE = 65536
"""Bytes from which a content is kept once for all runs."""
NOWHERE = (0, 0, b"")


class Added:
    """One page that is to be written; it is the `number`-th of its run."""

    __slots__ = ("body", "contents", "count", "hash", "held", "number", "seq")

    def __init__(self, held: Held, seq: int, count: int, body: bytes, contents: bytes) -> None:
        self.held = held
        self.seq = seq
        self.count = count
        self.body = body
        self.contents = contents
        self.number = held.pages
        self.hash = held.head


class Held:
    """One run that this process writes.

    `seq`, `pages` and `head` count what was added to it; `written` is the pack of the last page on disk,
    how many pages there are, and the hash of that one.
    """

    __slots__ = (
        "ended",
        "epoch",
        "head",
        "hear",
        "key",
        "pages",
        "records",
        "run",
        "seq",
        "writer",
        "written",
    )

    def __init__(self, run: str, key: int, epoch: int, hear: Hear | None) -> None:
        self.run = run
        self.key = key
        self.epoch = epoch
        self.hear = hear
        self.ended = False
        self.seq = self.pages = 0
        self.head = b""
        self.written: tuple[int, int, bytes] = NOWHERE
        self.writer = Writer()
        self.records: list[Record] | None = []

    def add(self, records: Sequence[Record], blobs: list[tuple[bytes, bytes]]) -> Added:
        """The next page. What is large of its contents goes to `blobs`.

        Raises:
            Unstorable: if a value has no MessagePack shape.
        """
        body, fresh = self.writer.page(records)
        contents = _apart(fresh, blobs) if fresh else b""
        seq, count = self.seq, len(records)
        self.head = sealed(self.head, self.run, seq, count, body, contents)
        self.seq += count
        self.pages += 1
        self.records = None
        if type(records[-1].event) is Closed:
            self.ended = True
        return Added(self, seq, count, body, contents)


def _apart(fresh: dict[bytes, bytes], blobs: list[tuple[bytes, bytes]]) -> bytes:
    """The contents of a page as bytes, without the large ones."""
    large = [name for name, content in fresh.items() if len(content) >= LARGE]
    blobs += [(name, fresh.pop(name)) for name in large]
    return packed(fresh)
