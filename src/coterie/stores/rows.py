"""Reading a run from the rows of a PostgreSQL store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from coterie.errors import Busy, Corrupt
from coterie.stores.links import Connection
from coterie.stores.listing import row, settled, standing, unpacked
from coterie.wire.chain import broken
from coterie.wire.export import Kept, kept
from coterie.wire.journal import Reader
from coterie.wire.pack import Page
from coterie.wire.redaction import redactions_in
from coterie.words.digest import digest
from coterie.words.event import Record
from coterie.words.result import Overview
from coterie.words.which import Which, words_of

PAGE = 500
"""Rows of a listing that are fetched at once."""
PUTS = """
insert into overviews (run, epoch, status, team, started, body, words)
values (%s, %s, %s, %s, %s, %s, array_to_tsvector(%s::text[]))
on conflict (run) do update set epoch = excluded.epoch, status = excluded.status, team = excluded.team,
    started = excluded.started, body = excluded.body, words = excluded.words
where excluded.epoch >= overviews.epoch
"""
"""Writes down how a run stands, as PostgreSQL is told it."""
SOME = """
select r.id, r.name, r.epoch, r.holder, r.expires > now(), o.body
from runs r left join overviews o on o.run = r.id and o.epoch = r.epoch
where r.tenant = %(tenant)s
and (o.run is null or (o.started >= %(since)s and (%(team)s = '' or o.team = %(team)s)
     and (cardinality(%(statuses)s::text[]) = 0 or o.status = any(%(statuses)s::text[]))
     and (%(words)s::text is null or o.words @@ %(words)s::tsquery)))
and (%(id)s = '' or r.name = %(id)s)
and (%(before)s = '' or r.id < (select b.id from runs b where b.tenant = %(tenant)s and b.name = %(before)s))
order by r.id desc limit %(page)s
"""
"""Runs of a tenant, the newest first."""


class Rows:
    """The journals of one tenant, as one connection sees them."""

    def __init__(self, db: psycopg.AsyncConnection[TupleRow], tenant: str) -> None:
        self._db = db
        self._tenant = tenant

    async def key(self, run: str) -> int | None:
        """The number of a run; None if there is no such run."""
        cursor = await self._db.execute(
            "select id from runs where tenant = %s and name = %s", (self._tenant, run)
        )
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def pages(self, key: int, after: int = -1) -> list[Page]:
        """The pages of a run whose first event is numbered above `after`, the oldest first."""
        cursor = await self._db.execute(
            "select seq, count, hash, body, contents from pages where run = %s and seq > %s order by seq",
            (key, after),
            binary=True,
        )
        rows = await cursor.fetchall()
        return [Page(0, seq, count, hash_, body, contents) for seq, count, hash_, body, contents in rows]

    async def records(
        self, key: int, reader: Reader | None = None, pages: list[Page] | None = None
    ) -> list[Record]:
        """What happened in a run; large contents are fetched when they are known to be mentioned.

        Raises:
            Corrupt: if a page is missing, or cannot be read.
        """
        return await self.read(reader or Reader(fetched), await self.pages(key) if pages is None else pages)

    async def read(self, reader: Reader, pages: Sequence[Page], seq: int = 0) -> list[Record]:
        """What happened by some pages, the first of which begins with event `seq`.

        Raises:
            Corrupt: if a page is missing, or cannot be read.
        """
        records: list[Record] = []
        for page in pages:
            if page.seq != seq + len(records):
                raise Corrupt(f"events {seq + len(records)} to {page.seq - 1} are missing")
            while True:
                try:
                    records += reader.page(page.seq, page.body, page.contents)
                    break
                except Missing as missing:
                    reader.contents[missing.name] = await self.blob(missing.name)
        return records

    async def blob(self, name: bytes) -> bytes:
        """A content that is kept once for all runs.

        Raises:
            Corrupt: if it is not there, or not what was written.
        """
        cursor = await self._db.execute(
            "select body from blobs where tenant = %s and name = %s", (self._tenant, name), binary=True
        )
        row = await cursor.fetchone()
        if row is None or digest(row[0]) != name:
            raise Corrupt(f"content {name.hex()[:16]} is mentioned and nowhere to be found")
        body: bytes = row[0]
        return body

    async def kept(self, key: int) -> Kept:
        """The pages of a run, and the contents that they mention and do not have.

        Raises:
            Corrupt: if one of them is missing, or cannot be read.
        """
        pages, found = await self.pages(key), dict[bytes, bytes]()
        while True:
            try:
                return kept(pages, lambda name: found[name] if name in found else fetched(name))
            except Missing as missing:
                found[missing.name] = await self.blob(missing.name)

    async def problems(self, run: str) -> list[str]:
        """What is wrong with a run, a line each."""
        cursor = await self._db.execute(
            "select id, holder, pages, head from runs where tenant = %s and name = %s", (self._tenant, run)
        )
        row = await cursor.fetchone()
        if row is None:
            return [f"no run {run!r}"]
        key, whose, count, head = row
        pages = await self.pages(key)
        if not pages and not count:
            return [f"no run {run!r}"]  # claimed once, and never begun
        known = redactions_in(pages, (await self.kept_or_nothing(key)).get)
        wrong = broken(run, pages, None if whose else (count, head), known=known)
        return wrong or await self.unreadable(run, key)

    async def kept_or_nothing(self, key: int) -> dict[bytes, bytes]:
        """The contents that are kept outside of a run's pages; nothing where they cannot be told."""
        try:
            return (await self.kept(key)).contents
        except Corrupt:
            return {}

    async def adopt(self, run: str, kept: Kept) -> None:
        """Write a run as it was kept elsewhere, in the transaction of the caller; nobody holds it then.

        Raises:
            Busy: if there is a run of that name.
        """
        head = kept.pages[-1].hash if kept.pages else b""
        cursor = await self._db.execute(
            "insert into runs (tenant, name, epoch, holder, expires, pages, head) "
            "values (%s, %s, 1, '', 'epoch', %s, %s) on conflict do nothing returning id",
            (self._tenant, run, len(kept.pages), head),
        )
        row = await cursor.fetchone()
        if row is None:
            raise Busy(f"there is a run {run!r} already")
        async with cursor.copy(
            "copy pages (run, seq, count, hash, body, contents) from stdin (format binary)"
        ) as copy:
            copy.set_types(["int8", "int4", "int4", "bytea", "bytea", "bytea"])
            for page in kept.pages:
                await copy.write_row((row[0], page.seq, page.count, page.hash, page.body, page.contents))
        await cursor.executemany(
            "insert into blobs (tenant, name, body) values (%s, %s, %s) on conflict do nothing",
            [(self._tenant, name, body) for name, body in kept.contents.items()],
        )

    async def unreadable(self, run: str, key: int) -> list[str]:
        """What keeps a run from being read, a line each."""
        try:
            await self.records(key)
        except Corrupt as error:
            return [f"run {run!r}: {error.message}"]
        return []


class RowsGrowth:
    """One journal as it grows: at each look the pages are read that were written since the last one.

    `rows` is how many were read by now. `told` gives a connection, when what this process appended is written.
    """

    def __init__(
        self, told: Callable[[], AbstractAsyncContextManager[Connection]], tenant: str, run: str
    ) -> None:
        self.rows = 0
        self._told = told
        self._tenant = tenant
        self._run = run
        self._reader = Reader(fetched)
        self._key: int | None = None
        self._seq = 0

    async def more(self) -> list[Record]:
        async with self._told() as db:
            rows = Rows(db, self._tenant)
            if self._key is None:
                self._key = await rows.key(self._run)
            pages = [] if self._key is None else await rows.pages(self._key, self._seq - 1)
            self.rows += len(pages)
            found = await rows.read(self._reader, pages, self._seq)
        self._seq += len(found)
        return found


class Listing:
    """How the runs of one tenant are listed: see `stores.listing`."""

    def __init__(self, db: psycopg.AsyncConnection[TupleRow], tenant: str) -> None:
        self._db = db
        self._tenant = tenant

    async def put(self, key: int, epoch: int, seen: Overview) -> None:
        """Write down how a run stands in its epoch."""
        await self._db.execute(PUTS, put(key, epoch, seen))

    async def page(self, which: Which) -> list[Overview]:
        """The runs that are asked for, the newest first."""
        found: list[Overview] = []
        before = which.before
        while which.limit is None or len(found) < which.limit:
            rows = await self._rows(which, before)
            for key, name, epoch, whose, good, body in rows:
                seen = (
                    unpacked(body)
                    if body is not None
                    else await self._read(key, name, epoch, whose, good=good)
                )
                if seen is not None and which.fits(seen):
                    found.append(seen)
                before = name
            if len(rows) < PAGE:
                break
        return found[: which.limit]

    async def _read(self, key: int, name: str, epoch: int, whose: str, *, good: bool) -> Overview | None:
        """How a run stands by its journal; written down where nobody changes it any more."""
        records = await Rows(self._db, self._tenant).records(key)
        if not records:
            return None  # claimed, and never begun
        seen = standing(name, records, whose if good else "")
        if settled(seen, whose):
            await self.put(key, epoch, seen)
        return seen

    async def _rows(self, which: Which, before: str) -> list[TupleRow]:
        """The next runs whose row fits, and those that have none."""
        cursor = await self._db.execute(
            SOME,
            {
                "tenant": self._tenant,
                "since": which.since,
                "team": which.team,
                "statuses": list(which.statuses),
                "words": " & ".join(f"'{word}':*" for word in words_of(which.words)) or None,
                "id": which.id,
                "before": before,
                "page": PAGE,
            },
        )
        return await cursor.fetchall()


def put(key: int, epoch: int, seen: Overview) -> tuple[Any, ...]:
    """An overview as `PUTS` wants it."""
    return (*row(key, epoch, seen), list(words_of(seen.task)))


class Missing(Exception):
    """A content that has to be fetched first."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name.hex())
        self.name = name


def fetched(name: bytes) -> bytes:
    """Where a reader looks for a content that its pages do not have: nowhere, yet.

    Raises:
        Missing: always; whoever reads fetches it, and reads on.
    """
    raise Missing(name)
