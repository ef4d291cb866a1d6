"""A tally in PostgreSQL: what the runs of a tenant use up together, on all hosts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from coterie.errors import StoreUnavailable
from coterie.stores.tables import LOCK
from coterie.words.quota import NO_SPENDING, Reserved, Spending, granted, plus

_TABLES: Final = """
create table if not exists days (
    tenant text not null,
    day    text not null,
    used   float8[] not null,
    primary key (tenant, day)
);
create table if not exists reserved (
    tenant  text not null,
    run     text not null,
    epoch   bigint not null,
    day     text not null,
    after   bigint not null,
    amounts float8[] not null,
    primary key (tenant, run, epoch, day)
);
"""
"""Made when they are first used: a database without quotas has none of them."""
_LOCKED: Final = (
    "insert into days (tenant, day, used) values (%s, %s, %s) on conflict (tenant, day) do update "
    "set used = days.used returning used"
)
"""What is used of a day, whose row nobody else changes until the transaction ends."""
_SET_ROW: Final = (
    "insert into reserved values (%s, %s, %s, %s, %s, %s) on conflict (tenant, run, epoch, day) do update "
    "set amounts = (select array_agg(a + b order by n) from "
    "unnest(reserved.amounts, excluded.amounts) with ordinality as t (a, b, n))"
)


class PostgresTally:
    """A tally of one tenant, over a connection of its own: each change is one transaction that locks the day."""

    def __init__(self, url: str, tenant: str) -> None:
        self._url = url
        self._tenant = tenant
        self._db: psycopg.AsyncConnection[TupleRow] | None = None
        self._turn = asyncio.Lock()

    async def reserve(self, wanted: Reserved, extra: Spending, caps: Spending) -> Spending:
        async with self._transaction() as db:
            used = await self._locked(db, wanted.day)
            amounts = granted(used, caps, wanted.amounts, extra)
            await self._set(db, wanted.day, plus(used, amounts))
            row = (self._tenant, wanted.run, wanted.epoch, wanted.day, wanted.after, list(amounts))
            await db.execute(_SET_ROW, row)
        return amounts

    async def settle(self, run: str, epoch: int, day: str, spent: Spending) -> None:
        async with self._transaction() as db:
            used = await self._locked(db, day)
            gone = await db.execute(
                "delete from reserved where tenant = %s and run = %s and epoch = %s and day = %s returning amounts",
                (self._tenant, run, epoch, day),
            )
            if (row := await gone.fetchone()) is not None:
                await self._set(db, day, plus(plus(used, row[0], -1), spent))

    async def reserved(self, run: str = "") -> list[Reserved]:
        async with self._transaction() as db:
            rows = await db.execute(
                "select run, epoch, day, after, amounts from reserved where tenant = %s and %s in ('', run) "
                "order by run, epoch",
                (self._tenant, run),
            )
            return [
                Reserved(run=name, epoch=epoch, day=day, after=after, amounts=tuple(amounts))
                for name, epoch, day, after, amounts in await rows.fetchall()
            ]

    async def used(self, day: str) -> Spending:
        async with self._transaction() as db:
            found = await db.execute(
                "select used from days where tenant = %s and day = %s", (self._tenant, day)
            )
            row = await found.fetchone()
            return NO_SPENDING if row is None else tuple(row[0])

    async def close(self) -> None:
        """Let go of the connection."""
        if self._db is not None:
            await self._db.close()

    async def _locked(self, db: Any, day: str) -> Spending:
        row = await (await db.execute(_LOCKED, (self._tenant, day, list(NO_SPENDING)))).fetchone()
        return tuple(row[0])

    async def _set(self, db: Any, day: str, used: Spending) -> None:
        query = "update days set used = %s where tenant = %s and day = %s"
        await db.execute(query, (list(used), self._tenant, day))

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[psycopg.AsyncConnection[TupleRow], None]:
        """One transaction, one at a time.

        Raises:
            StoreUnavailable: for whatever the server or the network raises.
        """
        try:
            async with self._turn:
                if self._db is None or self._db.closed:
                    self._db = await self._opened()
                async with self._db.transaction():
                    yield self._db
        except psycopg.Error as error:
            raise StoreUnavailable(
                f"PostgreSQL failed: {str(error).strip()}; is the server there, and may this user write?"
            ) from error

    async def _opened(self) -> psycopg.AsyncConnection[TupleRow]:
        db = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        async with db.transaction():
            await db.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            await db.execute(_TABLES)
        return db
