"""Reading a run from the rows of a PostgreSQL store."""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

from coterie.errors import Corrupt
from coterie.wire.export import Kept, kept
from coterie.wire.journal import Reader
from coterie.wire.pack import Page
from coterie.words.digest import digest
from coterie.words.event import Record


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

    async def pages(self, key: int) -> list[Page]:
        """The pages of a run, the oldest first."""
        cursor = await self._db.execute(
            "select seq, count, hash, body, contents from pages where run = %s order by seq",
            (key,),
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
        reader = reader or Reader(fetched)
        records: list[Record] = []
        for page in await self.pages(key) if pages is None else pages:
            if page.seq != len(records):
                raise Corrupt(f"events {len(records)} to {page.seq - 1} are missing")
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

    async def unreadable(self, run: str, key: int) -> list[str]:
        """What keeps a run from being read, a line each."""
        try:
            await self.records(key)
        except Corrupt as error:
            return [f"run {run!r}: {error.message}"]
        return []


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
