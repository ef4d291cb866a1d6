"""What groups of runs are told, in rows of a store: one a message, until a member has it; in SQLite, and in memory.

Who is given a message has it for `GIVEN` seconds, or until its process is dead on this machine. What this process tells
is there at once; for what others tell is looked again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from coterie.stores.holder import dead, holder
from coterie.stores.schema import told as failing
from coterie.stores.schema import transaction
from coterie.words.digest import encode

GIVEN = 10.0
"""Seconds for which a member has a message of which it says nothing."""
SOON, LATE = 0.02, 0.5
"""Seconds between two looks for what other processes tell: the first, and the most."""
_TABLES = """
create table if not exists told (
    id    integer primary key,
    line  blob not null,
    key   text not null,
    body  blob not null,
    whose text not null default '',
    until real not null default 0,
    unique (line, key)
);
create index if not exists told_by_line on told (line, id);
"""
"""Made when they are first used: a store without groups has none of them."""
_TELL = "insert into told (line, key, body) values (?, ?, ?) on conflict do nothing"
_TAKE = (
    "update told set whose = ?, until = ? where id = "
    "(select id from told where line = ? and until <= ? order by id limit 1) returning id, until, body"
)
_AGAIN = "update told set until = 0 where id = ? and until = ?"
_DONE = "delete from told where id = ? and until = ?"
_TAKERS = "select distinct whose from told where line = ? and until > 0"
_FREE = "update told set until = 0 where whose = ?"


Row: TypeAlias = tuple[int, float, bytes]
"""A message that somebody was given: its number, until when, and what it says."""


class RowGroups:
    """Groups in the rows of a database; each kind of database says how a row is written and taken."""

    def __init__(self, given: float) -> None:
        self._given = given
        self._moved: dict[bytes, asyncio.Event] = {}

    async def tell(self, group: str, topic: str, said: Any, key: str) -> None:
        line = encode([group, topic])
        await self._tell(line, key, msgspec.msgpack.encode(said))
        self._wake(line)

    async def take(self, group: str, topic: str) -> RowTold:
        line, pause = encode([group, topic]), SOON
        while True:
            moved = self._moved.setdefault(line, asyncio.Event())
            found = await self._taken(line)
            if found is not None:
                return RowTold(self, line, *found)
            await self._free(line)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await moved.wait()
            pause = SOON if moved.is_set() else min(2 * pause, LATE)

    async def close(self) -> None:
        """The connection is its store's; what was given is another's once this process is dead."""

    async def done(self, number: int, until: float) -> None:
        """Forget a message, if it was not given to another meanwhile."""
        raise NotImplementedError

    async def again(self, line: bytes, number: int, until: float) -> None:
        """Let others have a message, if it was not given to one meanwhile."""
        await self._again(number, until)
        self._wake(line)

    async def _tell(self, line: bytes, key: str, body: bytes) -> None:
        """Write a message down, unless it is there."""
        raise NotImplementedError

    async def _taken(self, line: bytes) -> Row | None:
        """The message that has waited longest and nobody has; it is ours from now on."""
        raise NotImplementedError

    async def _free(self, line: bytes) -> None:
        """Let others have what dead processes were given."""
        raise NotImplementedError

    async def _again(self, number: int, until: float) -> None:
        """Let others have a message."""
        raise NotImplementedError

    def _wake(self, line: bytes) -> None:
        moved = self._moved.pop(line, None)
        if moved is not None:
            moved.set()


class SqliteGroups(RowGroups):
    """Groups in a SQLite database, for all processes that use it."""

    def __init__(self, db: sqlite3.Connection, path: Path, given: float = GIVEN) -> None:
        super().__init__(given)
        self._db = db
        self._path = path
        with failing(path), transaction(db):
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)

    @classmethod
    def in_memory(cls) -> SqliteGroups:
        """Groups of this process, which end with it."""
        return cls(sqlite3.connect(":memory:", isolation_level=None), Path(":memory:"))

    async def done(self, number: int, until: float) -> None:
        self._execute(_DONE, (number, until))

    async def _tell(self, line: bytes, key: str, body: bytes) -> None:
        self._execute(_TELL, (line, key, body))

    async def _taken(self, line: bytes) -> Row | None:
        now = time.time()
        found: Row | None = self._execute(_TAKE, (holder(), now + self._given, line, now)).fetchone()
        return found

    async def _free(self, line: bytes) -> None:
        for (whose,) in self._execute(_TAKERS, (line,)).fetchall():
            if dead(whose):
                self._execute(_FREE, (whose,))

    async def _again(self, number: int, until: float) -> None:
        self._execute(_AGAIN, (number, until))

    def _execute(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        with failing(self._path):
            return self._db.execute(statement, values)


class RowTold:
    """A message that a member in this process was given, and until when."""

    def __init__(self, groups: RowGroups, line: bytes, number: int, until: float, body: bytes) -> None:
        self.said: Any = msgspec.msgpack.decode(body)
        self._groups = groups
        self._line = line
        self._number = number
        self._until = until

    async def done(self) -> None:
        await self._groups.done(self._number, self._until)

    async def again(self) -> None:
        await self._groups.again(self._line, self._number, self._until)
