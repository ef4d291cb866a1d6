"""What groups of runs of one tenant are told, in rows of a PostgreSQL store: for clusters without NATS."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import psycopg

from coterie.stores.holder import dead, holder
from coterie.stores.links import Links
from coterie.stores.told import GIVEN, Row, RowGroups

LOCK: Final = 0x546F6C64
"""The advisory lock under which the table is made."""
TABLE: Final = """
create table if not exists told (
    id     bigint generated always as identity primary key,
    tenant text not null,
    line   bytea not null,
    key    text not null,
    body   bytea not null,
    whose  text not null default '',
    until  double precision not null default 0,
    unique (tenant, line, key)
);
create index if not exists told_by_line on told (tenant, line, id);
"""
TELL: Final = "insert into told (tenant, line, key, body) values (%s, %s, %s, %s) on conflict do nothing"
NOW: Final = "extract(epoch from clock_timestamp())::float8"
TAKE: Final = f"""
update told set whose = %s, until = {NOW} + %s where id = (
    select id from told where tenant = %s and line = %s and until <= {NOW}
    order by id limit 1 for update skip locked)
returning id, until, body
"""
TAKERS: Final = "select distinct whose from told where tenant = %s and line = %s and until > 0"
FREE: Final = "update told set until = 0 where tenant = %s and whose = %s"
DONE: Final = "delete from told where id = %s and until = %s"
AGAIN: Final = "update told set until = 0 where id = %s and until = %s"


class PostgresGroups(RowGroups):
    """Groups of one tenant in a PostgreSQL database, for all hosts that use it; times are the server's."""

    def __init__(self, links: Links, tenant: str, given: float = GIVEN) -> None:
        super().__init__(given)
        self._links = links
        self._tenant = tenant
        self._made = False

    async def done(self, number: int, until: float) -> None:
        await self._rows(DONE, number, until)

    async def _tell(self, line: bytes, key: str, body: bytes) -> None:
        await self._rows(TELL, self._tenant, line, key, body)

    async def _taken(self, line: bytes) -> Row | None:
        taking = asyncio.get_running_loop().create_task(self._take(line))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:  # it may have been given to us at this very moment
            found = (await asyncio.gather(taking, return_exceptions=True))[0]
            if isinstance(found, tuple):
                await self.again(line, found[0], found[1])
            raise

    async def _take(self, line: bytes) -> Row | None:
        rows = await self._rows(TAKE, holder(), self._given, self._tenant, line)
        found: Row | None = rows[0] if rows else None
        return found

    async def _free(self, line: bytes) -> None:
        for (whose,) in await self._rows(TAKERS, self._tenant, line):
            if dead(whose):
                await self._rows(FREE, self._tenant, whose)

    async def _again(self, number: int, until: float) -> None:
        await self._rows(AGAIN, number, until)

    async def _rows(self, statement: str, *values: Any) -> list[Any]:
        async with self._links.told() as db:
            if not self._made:
                await self._make()
            cursor = await db.execute(statement.encode(), values, binary=True)
            return await cursor.fetchall() if cursor.description is not None else []

    async def _make(self) -> None:
        """See that there is a table: a database that carries nothing for groups has none."""
        async with await psycopg.AsyncConnection.connect(self._links.url) as db:
            await db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            await db.execute(TABLE.encode())
        self._made = True
