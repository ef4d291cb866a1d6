"""Grouped commits: what many runs append within one turn of the loop is one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from coterie.errors import Fenced
from coterie.stores.held import Added, Held, overview_of
from coterie.stores.listing import PUT, row
from coterie.stores.reading import newest
from coterie.stores.written import Written, wake
from coterie.wire.pack import Place, directory
from coterie.words.event import Record

PACK = 65536
"""Bytes after which a commit begins another row: what reading one page of a run may have to read."""
Waiting: TypeAlias = tuple[Added, Written]
"""A page to be written, and who waits for that."""


class Group:
    """The appends that go into one commit, and those who wait for it."""

    __slots__ = (
        "_loop",
        "_room",
        "blobs",
        "ends",
        "heard",
        "last",
        "lost",
        "packs",
        "refused",
        "size",
        "tails",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.packs: list[list[Waiting]] = []
        self.blobs: list[tuple[bytes, bytes]] = []
        self.ends: list[Added] = []
        """The pages that close their runs."""
        self.heard: list[tuple[Held, Sequence[int]]] = []
        """The signals that the pages tell of."""
        self.refused: set[int] = set()
        self.lost: list[Held] = []
        self.tails: dict[int, int] = {}
        self.last = 0
        self.size = 0
        """Pages that it has."""
        self._loop = loop
        self._room = 0

    def add(self, held: Held, records: Sequence[Record]) -> Written:
        """Take the next page of a run; what it gives comes when that is written.

        Raises:
            Unstorable: if a value has no MessagePack shape.
        """
        page = held.add(records, self.blobs)
        if held.end is not None:
            self.ends.append(page)
        if self._room <= 0:
            self.packs.append([])
            self._room = PACK
        self._room -= len(page.body) + len(page.contents)
        written = Written.on(self._loop)
        self.packs[-1].append((page, written))
        self.size += 1
        return written

    def settle(self, error: Exception | None) -> None:
        """Tell everybody who waits how it went."""
        tails, good = self.tails, list[Written]()
        for pack in self.packs:
            for page, written in pack:
                held = page.held
                if error is not None or held.key not in tails:
                    self._refuse(held, written, error)
                else:
                    held.written = (tails[held.key], page.number, page.hash)
                    good.append(written)
        wake(good)

    def _refuse(self, held: Held, written: Written, error: Exception | None) -> None:
        if error is None:
            self.lost.append(held)
        written.fail(error or fenced(held.run, held.epoch))


def fenced(run: str, epoch: int) -> Fenced:
    """The error of who writes a run that is another's now."""
    return Fenced(f"run {run!r} was taken over: epoch {epoch} is not the newest")


_PACK = "insert into packs (id, places, body) values (?, ?, ?)"
_END = (
    "update runs set tail = ?, pages = ?, head = ?, holder = '', expires = 0, wake = null "
    "where id = ? and epoch = ?"
)


class Committer:
    """Writes groups through one connection, and notices when another process has written."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._version = -1
        self._last = 0

    def commit(self, group: Group, epochs: Callable[[], Mapping[int, int]]) -> None:
        """Write a group, all or nothing, without what a lost lease brings (see `group.refused`).

        `epochs` gives the leases there are, by run; it is asked only when they have to be checked.
        """
        db = self.db
        db.execute("begin immediate")
        try:
            last = self._write(group, epochs)
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")
        self._last = group.last = last
        for held, numbers in group.heard:
            held.handed.difference_update(numbers)  # SQLite may give their numbers to others

    def _write(self, group: Group, epochs: Callable[[], Mapping[int, int]]) -> int:
        """Write a group; gives the number of the newest pack."""
        db, last = self.db, self._last
        version = self._seen()
        if version != self._version:
            self._version = version
            group.refused = self._lost(epochs())
            last = newest(db)
        rows: list[tuple[int, bytes, bytes]] = []
        for pack in group.packs:
            last += 1
            rows.append((last, *_packed(last, pack, group)))
        db.executemany(_PACK, rows)
        if group.blobs:
            db.executemany("insert or ignore into blobs (name, body) values (?, ?)", group.blobs)
        if ends := _ends(group):
            db.executemany(_END, ends)
            db.executemany(PUT, _overviews(group))
        for held, numbers in group.heard:
            if held.key not in group.refused:
                db.executemany("delete from signals where id = ?", [(number,) for number in numbers])
        return last

    def _seen(self) -> int:
        """Changes whenever another connection has committed (SQLite, PRAGMA data_version)."""
        [(version,)] = self.db.execute("pragma data_version")
        return int(version)

    def _lost(self, epochs: Mapping[int, int]) -> set[int]:
        """The runs that somebody else has claimed since we did."""
        now = dict(self.db.execute("select id, epoch from runs where holder <> ''"))
        return {key for key, epoch in epochs.items() if now.get(key) != epoch}


def _packed(number: int, pack: list[Waiting], group: Group) -> tuple[bytes, bytes]:
    """The directory and the body of a pack, without the pages of lost runs."""
    tails, refused = group.tails, group.refused
    places: list[Place] = []
    parts: list[bytes] = []
    for page, _ in pack:
        held = page.held
        key = held.key
        if refused and key in refused:
            continue
        before = tails.get(key) or held.written[0]
        body, contents = page.body, page.contents
        places.append((key, before, page.seq, page.count, page.hash, len(body), len(contents)))
        parts.append(body)
        if contents:
            parts.append(contents)
        tails[key] = number
    return directory(places), b"".join(parts)


def _overviews(group: Group) -> list[tuple[Any, ...]]:
    """How the runs are listed that end here."""
    return [
        row(held.key, held.epoch, seen)
        for page in group.ends
        if (held := page.held).key in group.tails and (seen := overview_of(held)) is not None
    ]


def _ends(group: Group) -> list[tuple[Any, ...]]:
    """What the runs say last that end here."""
    return [
        (group.tails[held.key], page.number, page.hash, held.key, held.epoch)
        for page in group.ends
        if (held := page.held).ended and held.key in group.tails
    ]
