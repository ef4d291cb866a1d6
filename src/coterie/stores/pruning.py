"""Letting go of runs, and of what was said in them: what is left of one, and how a SQLite store does it.

A pack has pages of many runs, so it is written anew without those that go. Contents that are kept once for all runs go
with the last run that mentions them: to know that, every pack and content is looked through once, most of it before the
transaction, because a pack never comes to mention more than it did.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from coterie.kernel.story import overview
from coterie.stores.group import fenced
from coterie.stores.held import Held
from coterie.stores.reading import Journals, newest
from coterie.stores.schema import transaction
from coterie.wire.journal import Reader, Writer, packed, sealed
from coterie.wire.pack import Page, edited, mentioned, runs_in
from coterie.wire.redaction import Taken
from coterie.words.event import Record
from coterie.words.pruned import Pruned
from coterie.words.result import Overview

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Pruned).decode


def let_go(seen: Overview, head: str, *, at: float, by: str, why: str) -> Pruned:
    """What is left of a run that is listed like this."""
    return Pruned(
        run=seen.id,
        team=seen.team,
        status=seen.status,
        events=seen.events,
        head=head,
        started=seen.started,
        updated=seen.updated,
        at=at,
        by=by,
        why=why,
    )


def paged(run: str, records: Iterable[Record]) -> list[Page]:
    """Records as the pages they would be, one each."""
    writer, head, pages = Writer(), b"", list[Page]()
    for record in records:
        body, fresh = writer.page([record])
        contents = packed(fresh)
        head = sealed(head, run, record.seq, 1, body, contents)
        pages.append(Page(0, record.seq, 1, head, body, contents))
    return pages


class Pruner:
    """Takes out of a store what its runs do not need any more."""

    def __init__(self, db: sqlite3.Connection, journals: Journals) -> None:
        self._db = db
        self._journals = journals

    def rewrite(self, held: Held, tail: int, taken: Taken) -> None:
        """Have the pages of a run be those that a redaction has left.

        Raises:
            Fenced: if somebody else has claimed the run since.
        """
        pages = self._journals.pages(held.key, tail)
        left = {page.seq: page for page in [*pages, *taken.pages]}
        names = self._kept_once(taken.names)
        upto = newest(self._db)
        live = self._mentioned(names, 0, upto, {held.key})
        with _erasing(self._db), transaction(self._db):
            self._fence([held])
            self._edit(held.key, _packs(pages, tail), left)
            self._free(names, live | self._mentioned(names, upto, newest(self._db), {held.key}))
            self._db.execute("delete from overviews where run = ?", (held.key,))  # it says what the task was

    def prune(self, held: Sequence[tuple[Held, int]], *, at: float, by: str, why: str) -> list[Pruned]:
        """Let go of runs, each with its newest pack.

        Raises:
            Fenced: if somebody else has claimed one since.
        """
        pages = {one.key: self._journals.pages(one.key, tail) for one, tail in held}
        gone = [
            let_go(self._seen(one.run, found), found[-1].hash.hex(), at=at, by=by, why=why)
            for one, _ in held
            if (found := pages[one.key])
        ]
        names = self._kept_once(
            name
            for found in pages.values()
            for page in found
            for name in mentioned(page.body + page.contents)
        )
        upto = newest(self._db)
        live = self._mentioned(names, 0, upto, set(pages))
        with _erasing(self._db), transaction(self._db):
            self._fence([one for one, _ in held])
            for one, tail in held:
                self._edit(one.key, _packs(pages[one.key], tail), {})
            self._free(names, live | self._mentioned(names, upto, newest(self._db), set(pages)))
            keys = [(one.key,) for one, _ in held]
            self._db.executemany("delete from overviews where run = ?", keys)
            self._db.executemany("delete from runs where id = ?", keys)
            self._db.executemany("delete from signals where run = ?", [(one.run,) for one, _ in held])
            left = {one.run: one for one in gone}
            rows = [(one.key, at, _encode(left[one.run])) for one, _ in held if one.run in left]
            self._db.executemany("insert into pruned (run, at, body) values (?, ?, ?)", rows)
        return gone

    def pruned(self) -> list[Pruned]:
        """What is left of runs that were let go of, the newest first."""
        rows = self._db.execute("select body from pruned order by at desc, run desc").fetchall()
        return [_decode(body) for (body,) in rows]

    def _seen(self, run: str, pages: list[Page]) -> Overview:
        return overview(run, self._journals.records(pages, Reader(self._journals.blob)))

    def _fence(self, held: Iterable[Held]) -> None:
        for one in held:
            row = self._db.execute("select epoch from runs where id = ?", (one.key,)).fetchone()
            if row is None or row[0] != one.epoch:
                raise fenced(one.run, one.epoch)

    def _edit(self, run: int, packs: Iterable[int], pages: Mapping[int, Page]) -> None:
        """Have packs hold these pages of a run, and no others. The newest stays, because it numbers the next."""
        last = newest(self._db)
        for number in packs:
            query = "select places, body from packs where id = ?"
            lines, body = self._db.execute(query, (number,)).fetchone()
            lines, body = edited(run, lines, body, pages)
            if body or number == last:
                self._db.execute("update packs set places = ?, body = ? where id = ?", (lines, body, number))
            else:
                self._db.execute("delete from packs where id = ?", (number,))

    def _kept_once(self, names: Iterable[bytes]) -> set[bytes]:
        """Those of the names, and of what they mention, that are contents kept once for all runs."""
        found: set[bytes] = set()
        sought = set(names)
        while sought:
            name = sought.pop()
            body = self._journals.blob(name)
            if body is not None and name not in found:
                found.add(name)
                sought |= mentioned(body) - found
        return found

    def _free(self, names: set[bytes], live: set[bytes]) -> None:
        """Drop those of the names that nobody mentions; `live` are those that packs do."""
        if not names:
            return
        for name, body in self._db.execute("select name, body from blobs"):
            if name not in names:
                live |= mentioned(body) & names
        at_hand = list(live)
        while at_hand:
            body = self._journals.blob(at_hand.pop())
            more = (mentioned(body or b"") & names) - live
            live |= more
            at_hand += more
        self._db.executemany("delete from blobs where name = ?", [(name,) for name in names - live])

    def _mentioned(self, names: set[bytes], after: int, upto: int, but: set[int]) -> set[bytes]:
        """Those of the names that packs mention, but for the pages of some runs."""
        live: set[bytes] = set()
        query = "select places, body from packs where id > ? and id <= ?"
        for lines, body in self._db.execute(query, (after, upto)) if names else ():
            places, others = lines, body
            for run in but & runs_in(lines):
                places, others = edited(run, places, others, {})
            live |= mentioned(others) & names
        return live


def _packs(pages: Iterable[Page], tail: int) -> set[int]:
    """Where pages are: each says where the one before it is."""
    return ({tail} | {page.before for page in pages}) - {0}


class _erasing:  # noqa: N801 - it reads like the function it is used as
    """What is dropped inside is overwritten, in the file and in its log, and not merely unmentioned."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("pragma secure_delete = on")

    def __exit__(self, *_: object) -> None:
        self._db.execute("pragma secure_delete = off")
        self._db.execute("pragma wal_checkpoint(truncate)")
