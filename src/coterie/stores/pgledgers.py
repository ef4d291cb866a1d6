"""Ledgers in a PostgreSQL database: shared by every replica of a service; a tenant sees its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import TupleRow

from coterie.errors import Changed, StoreUnavailable
from coterie.kernel.values import storable
from coterie.ports import Entry
from coterie.stores.ledgers import END, NOTHING

Connection = psycopg.AsyncConnection[TupleRow]
LOCK: Final = 0x4C656467
"""The advisory lock under which the table is made."""
TABLE: Final = """
create table if not exists ledgers (
    tenant text not null,
    name   text collate "C" not null,
    seq    bigint not null,
    time   double precision not null,
    body   bytea not null,
    primary key (tenant, name, seq)
)
"""
APPEND: Final = """
insert into ledgers select %(tenant)s, %(name)s, count, %(time)s, %(body)s from (
    select coalesce(max(seq) + 1, 0) as count from ledgers where tenant = %(tenant)s and name = %(name)s) as now
where %(at)s::bigint is null or count = %(at)s::bigint
on conflict do nothing returning seq
"""
READ: Final = """
select seq, time, body from ledgers where tenant = %s and name = %s and seq > %s order by seq limit %s
"""
LAST: Final = """
select seq, time, body from ledgers where tenant = %s and name = %s order by seq desc limit 1
"""
HEADS: Final = """
select name, seq, time, body from (
    select distinct on (name) name, seq, time, body from ledgers
    where tenant = %s and name > %s and name < %s order by name, seq desc) as newest
where body != %s order by name limit %s
"""


class PostgresLedgers:
    """Ledgers of one tenant in a PostgreSQL database, for the loop that uses them.

    Raises:
        StoreUnavailable: if the database cannot be used; from every method.
    """

    def __init__(self, url: str, *, tenant: str = "default") -> None:
        self.url = url
        self.tenant = tenant
        self._db: Connection | None = None
        self._turn = asyncio.Lock()

    async def append(
        self, name: str, body: Any, /, *, at: int | None = None, when: float | None = None
    ) -> Entry:
        kept = storable(body, name)
        given = {"tenant": self.tenant, "name": name, "at": at, "body": msgspec.msgpack.encode(kept)}
        while True:
            now = time.time() if when is None else when
            rows = await self._rows(APPEND, {**given, "time": now})
            if rows:
                return Entry(rows[0][0], now, kept)
            if at is not None:
                raise Changed(f"{name!r} has not {at} entries any more: read it again")

    async def read(self, name: str, /, after: int = -1, limit: int | None = None) -> list[Entry]:
        return [_entry(*row) for row in await self._rows(READ, (self.tenant, name, after, limit))]

    async def last(self, name: str, /) -> Entry | None:
        return next((_entry(*row) for row in await self._rows(LAST, (self.tenant, name))), None)

    async def heads(
        self, prefix: str, /, after: str = "", limit: int | None = None
    ) -> list[tuple[str, Entry]]:
        given = (self.tenant, max(prefix, after), prefix + END, NOTHING, limit)
        return [(name, _entry(*row)) for name, *row in await self._rows(HEADS, given)]

    async def drop(self, name: str, /) -> None:
        await self._rows("delete from ledgers where tenant = %s and name = %s", (self.tenant, name))

    async def close(self) -> None:
        if self._db is not None:
            await self._db.close()

    async def _rows(self, query: str, given: Any) -> list[Any]:
        async with self._told() as db:
            cursor = await db.execute(query.encode(), given)
            return await cursor.fetchall() if cursor.description is not None else []

    @asynccontextmanager
    async def _told(self) -> AsyncGenerator[Connection, None]:
        try:
            async with self._turn:
                if self._db is None or self._db.closed:
                    self._db = await self._opened()
                yield self._db
        except psycopg.Error as error:
            raise StoreUnavailable(f"the ledgers on PostgreSQL can't be used: {error}") from error

    async def _opened(self) -> Connection:
        db = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        async with db.transaction():
            await db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            await db.execute(TABLE)
        return db


def _entry(seq: int, when: float, body: bytes) -> Entry:
    return Entry(seq, when, msgspec.msgpack.decode(body))
