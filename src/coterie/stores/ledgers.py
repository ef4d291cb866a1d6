"""Ledgers in one SQLite file: what is kept beside journals, each entry durable when it has been written."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec

from coterie.errors import Changed, StoreUnavailable
from coterie.kernel.values import storable
from coterie.opening import PATIENCE, write_ahead
from coterie.ports import Entry
from coterie.stores.schema import transaction

IN_MEMORY = ":memory:"
"""The file of ledgers that end with their process."""
END = "\U0010ffff"
"""Comes after every letter of a name."""
SCHEMA = """
create table if not exists ledger (
    name text not null,
    seq  integer not null,
    time real not null,
    body blob not null,
    primary key (name, seq)
) strict, without rowid
"""
HEADS = """
select name, seq, time, body from ledger
join (select name as whose, max(seq) as newest from ledger where name > ? and name < ? group by name)
on name = whose and seq = newest
where body != ? order by name limit ?
"""
NOTHING = msgspec.msgpack.encode(None)


class SqliteLedgers:
    """Ledgers in the file at `path` (default: in memory). Any number of processes may use it at once.

    Raises:
        StoreUnavailable: if the file cannot be used; from every method.
    """

    def __init__(self, path: str | Path = IN_MEMORY, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = Lock()
        with self._told():
            if path != IN_MEMORY:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            write_ahead(self._db)
            self._db.execute("pragma synchronous = full")
            self._db.execute(SCHEMA)

    async def append(
        self, name: str, body: Any, /, *, at: int | None = None, when: float | None = None
    ) -> Entry:
        kept = storable(body, name)
        return await asyncio.to_thread(self._append, name, kept, at, when)

    async def read(self, name: str, /, after: int = -1, limit: int | None = None) -> list[Entry]:
        query = "select seq, time, body from ledger where name = ? and seq > ? order by seq limit ?"
        return [_entry(*row) for row in await self._rows(query, name, after, _limit(limit))]

    async def last(self, name: str, /) -> Entry | None:
        query = "select seq, time, body from ledger where name = ? order by seq desc limit 1"
        return next((_entry(*row) for row in await self._rows(query, name)), None)

    async def heads(
        self, prefix: str, /, after: str = "", limit: int | None = None
    ) -> list[tuple[str, Entry]]:
        rows = await self._rows(HEADS, max(prefix, after), prefix + END, NOTHING, _limit(limit))
        return [(name, _entry(*row)) for name, *row in rows]

    async def drop(self, name: str, /) -> None:
        await self._rows("delete from ledger where name = ?", name)

    async def close(self) -> None:
        with self._lock:
            self._db.close()

    def _append(self, name: str, body: Any, at: int | None, when: float | None) -> Entry:
        with self._lock, self._told(), transaction(self._db):
            query = "select coalesce(max(seq) + 1, 0) from ledger where name = ?"
            [(seq,)] = self._db.execute(query, (name,))
            if at is not None and at != seq:
                raise Changed(f"{name!r} has {seq} entries now, not {at}: read it again")
            entry = Entry(seq, self._clock() if when is None else when, body)
            row = (name, seq, entry.time, msgspec.msgpack.encode(body))
            self._db.execute("insert into ledger values (?, ?, ?, ?)", row)
            return entry

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        return await asyncio.to_thread(self._all, query, values)

    def _all(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        with self._lock, self._told():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(
                f"the ledgers {str(self.path)!r} can't be used: {error}; is the folder there, writable and not full?"
            ) from error


def _limit(limit: int | None) -> int:
    return -1 if limit is None else limit


def _entry(seq: int, when: float, body: bytes) -> Entry:
    return Entry(seq, when, msgspec.msgpack.decode(body))
