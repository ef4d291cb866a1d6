"""Reading a run from the packs of a SQLite store: from its newest page back to its first."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from coterie.errors import Corrupt
from coterie.stores.schema import told
from coterie.wire.chain import broken
from coterie.wire.journal import Reader
from coterie.wire.pack import Page, pages_of, runs_in
from coterie.wire.redaction import redactions_in
from coterie.words.digest import digest
from coterie.words.event import Record

AHEAD = 64
"""Packs that are read at once where one run has written them one after the other."""
LONG = 1_000
"""Packs that are looked through again and again rather than written down as seen."""
KEPT = 256
"""Packs that a reader keeps at hand, so that runs that were written together are read together."""


def newest(db: sqlite3.Connection) -> int:
    """The number of the newest pack."""
    [(last,)] = db.execute("select coalesce(max(id), 0) from packs")
    return int(last)


def tail_of(db: sqlite3.Connection, run: int) -> int:
    """The newest pack that has a page of a run; 0 if none has.

    Of a run that was not given back, packs may have pages that its row does not know of.
    """
    query = "select holder, seen, tail from runs where id = ?"
    whose, seen, tail = db.execute(query, (run,)).fetchone()
    if not whose:
        return int(tail)
    rows = db.execute("select id, places from packs where id > ? order by id desc", (seen,))
    return next((int(key) for key, places in rows if run in runs_in(places)), int(tail))


def tails(db: sqlite3.Connection) -> dict[int, int]:
    """The newest pack of every run, by one look at the packs that rows do not know of.

    After a long look the rows are told what was found, so that nobody has to look there again.
    """
    rows = db.execute("select id, holder, seen, tail from runs").fetchall()
    found = {int(key): int(tail) for key, _, _, tail in rows}
    sought = {int(key): int(seen) for key, whose, seen, _ in rows if whose}
    packs = db.execute("select id, places from packs where id > ? order by id desc", (_oldest(sought),))
    looked: list[int] = []
    for number, places in packs if sought else ():
        looked.append(int(number))
        for run in runs_in(places) & sought.keys():
            if number > sought.pop(run):
                found[run] = int(number)
        if not sought:
            break
    if len(looked) > LONG:
        told = [(found[int(key)], looked[0], key, seen) for key, whose, seen, _ in rows if whose]
        db.executemany("update runs set tail = ?, seen = ? where id = ? and seen = ? and holder <> ''", told)
    return found


class Ends:
    """The newest pack of each run, found when the first is asked for."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._found: dict[int, int] | None = None

    def of(self, run: int) -> int:
        """The newest pack of a run; 0 if none has a page of it."""
        if self._found is None or run not in self._found:
            self._found = tails(self._db)
        return self._found[run]


def _oldest(seen: dict[int, int]) -> int:
    return min(seen.values(), default=0)


class Packs:
    """The packs of a store, as one reading sees them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._packs: dict[int, tuple[bytes, bytes]] = {}

    def chain(self, run: int, tail: int) -> tuple[list[Page], bool]:
        """The pages of a run up to pack `tail`, and whether they go back to the first.

        Raises:
            Corrupt: if a directory cannot be read.
        """
        found: list[Page] = []
        at, last = tail, 0
        while at:
            pack = self._packs.get(at) or self._fetch(at, AHEAD if last == at + 1 else 1)
            pages = [] if pack is None else pages_of(run, *pack)
            if not pages or pages[0].before >= at:
                return found[::-1], False
            found += reversed(pages)
            at, last = pages[0].before, at
        return found[::-1], True

    def scattered(self, run: int) -> list[Page]:
        """Every page of a run that is anywhere, where its chain is broken."""
        rows = self._db.execute("select places, body from packs order by id").fetchall()
        found: list[Page] = []
        for places, body in rows:
            try:
                found += pages_of(run, places, body)
            except Corrupt:  # what of it is ours shows as missing
                continue
        return found

    def _fetch(self, at: int, many: int) -> tuple[bytes, bytes] | None:
        if len(self._packs) > KEPT:
            self._packs.clear()
        query = "select id, places, body from packs where id > ? and id <= ?"
        for key, places, body in self._db.execute(query, (at - many, at)):
            self._packs[key] = (places, body)
        return self._packs.get(at)


class Journals:
    """The journals of a store."""

    def __init__(self, db: sqlite3.Connection, file: str) -> None:
        self._db = db
        self._file = file
        self._packs = Packs(db)

    def pages(self, run: int, tail: int) -> list[Page]:
        """The pages of a run up to pack `tail`.

        Raises:
            Corrupt: if one is missing.
        """
        pages, whole = self._packs.chain(run, tail)
        seq = 0
        for page in pages:
            if page.seq != seq:
                break
            seq += page.count
        else:
            if whole:
                return pages
        first = pages[0].seq if pages and not seq else seq
        span = f"0 to {first - 1}" if pages and not seq else f"from {seq} on"
        raise Corrupt(f"events {span} are missing from {self._file!r}")

    def records(self, pages: list[Page], reader: Reader) -> list[Record]:
        """What happened, by the pages of a run."""
        records: list[Record] = []
        for page in pages:
            records += reader.page(page.seq, page.body, page.contents)
        return records

    def blob(self, name: bytes) -> bytes | None:
        """A content that is kept once for all runs."""
        row = self._db.execute("select body from blobs where name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def problems(self, run: str, key: int, tail: int, whole: tuple[int, bytes] | None) -> list[str]:
        """What is wrong with a run; `whole` is how many pages it should have, and the hash of the last."""
        pages = self._all(key, tail)
        if not pages and not tail and not (whole and whole[0]):
            return [f"no run {run!r}"]  # claimed once, and never begun
        known = redactions_in(pages, self.blob)
        return broken(run, pages, whole, known=known) or self._unreadable(run, key, tail)

    def _all(self, run: int, tail: int) -> list[Page]:
        try:
            pages, whole = self._packs.chain(run, tail)
        except Corrupt:
            whole, pages = False, []
        return pages if whole else self._packs.scattered(run)

    def _unreadable(self, run: str, key: int, tail: int) -> list[str]:
        try:
            self.records(self.pages(key, tail), Reader(self._checked))
        except Corrupt as error:
            return [f"run {run!r}: {error.message}"]
        return []

    def _checked(self, name: bytes) -> bytes | None:
        body = self.blob(name)
        return body if body is not None and digest(body) == name else None


class SqliteGrowth:
    """One journal as it grows: at each look the packs are read that were written since the last one.

    `rows` is how many were read by now. `flushed` has what this process appended be written.
    """

    def __init__(
        self, db: sqlite3.Connection, file: Path, run: str, flushed: Callable[[], Awaitable[None]]
    ) -> None:
        self.rows = 0
        self._db = db
        self._file = file
        self._run = run
        self._flushed = flushed
        self._reader = Reader(Journals(db, str(file)).blob)
        self._key: int | None = None
        self._looked = self._seq = 0

    async def more(self) -> list[Record]:
        await self._flushed()
        with told(self._file):
            pages = [page for page in self._pages() if page.seq >= self._seq]
            found: list[Record] = []
            for page in pages:
                if page.seq != self._seq + len(found):
                    raise Corrupt(f"events {self._seq + len(found)} to {page.seq - 1} are missing")
                found += self._reader.page(page.seq, page.body, page.contents)
        self._seq += len(found)
        return found

    def _pages(self) -> list[Page]:
        """The pages of the run in packs that were not looked at yet; at the first look, all of them."""
        last = newest(self._db)
        if self._key is None:
            pages = self._all()
            self.rows += len(pages)
        else:
            query = "select places, body from packs where id > ? and id <= ? order by id"
            packs = self._db.execute(query, (self._looked, last)).fetchall()
            self.rows += len(packs)
            pages = [page for places, body in packs for page in pages_of(self._key, places, body)]
        self._looked = last
        return pages

    def _all(self) -> list[Page]:
        row = self._db.execute("select id from runs where name = ?", (self._run,)).fetchone()
        if row is None:
            return []
        self._key = int(row[0])
        return Journals(self._db, str(self._file)).pages(self._key, tail_of(self._db, self._key))
