"""What groups of runs are told, in the file of a SQLite store or in memory: a row a message, until a member has it.

Who is given a message has it for `GIVEN` seconds, or until its process is dead on this machine. What this process tells
is there at once; for what others tell is looked again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

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


class SqliteGroups:
    """Groups in a SQLite database, for all processes that use it."""

    def __init__(self, db: sqlite3.Connection, path: Path, given: float = GIVEN) -> None:
        self._db = db
        self._path = path
        self._given = given
        self._moved: dict[bytes, asyncio.Event] = {}
        with failing(path), transaction(db):
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)

    @classmethod
    def in_memory(cls) -> SqliteGroups:
        """Groups of this process, which end with it."""
        return cls(sqlite3.connect(":memory:", isolation_level=None), Path(":memory:"))

    async def tell(self, group: str, topic: str, said: Any, key: str) -> None:
        line = encode([group, topic])
        with failing(self._path):
            self._db.execute(_TELL, (line, key, msgspec.msgpack.encode(said)))
        self._wake(line)

    async def take(self, group: str, topic: str) -> SqliteTold:
        line, pause = encode([group, topic]), SOON
        while True:
            moved = self._moved.setdefault(line, asyncio.Event())
            found = self._taken(line)
            if found is not None:
                return SqliteTold(self, line, *found)
            self._free(line)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await moved.wait()
            pause = SOON if moved.is_set() else min(2 * pause, LATE)

    async def close(self) -> None:
        """The connection is its store's; what was given is another's once this process is dead."""

    def done(self, number: int, until: float) -> None:
        """Forget a message, if it was not given to another meanwhile."""
        with failing(self._path):
            self._db.execute(_DONE, (number, until))

    def again(self, line: bytes, number: int, until: float) -> None:
        """Let others have a message, if it was not given to one meanwhile."""
        with failing(self._path):
            self._db.execute(_AGAIN, (number, until))
        self._wake(line)

    def _taken(self, line: bytes) -> tuple[int, float, bytes] | None:
        """The message that has waited longest and nobody has; it is ours from now on."""
        now = time.time()
        with failing(self._path):
            cursor = self._db.execute(_TAKE, (holder(), now + self._given, line, now))
            found: tuple[int, float, bytes] | None = cursor.fetchone()
            return found

    def _free(self, line: bytes) -> None:
        """Let others have what dead processes were given."""
        with failing(self._path):
            rows = self._db.execute("select distinct whose from told where line = ? and until > 0", (line,))
            for (whose,) in rows.fetchall():
                if whose and dead(whose):
                    self._db.execute("update told set until = 0, whose = '' where whose = ?", (whose,))

    def _wake(self, line: bytes) -> None:
        moved = self._moved.pop(line, None)
        if moved is not None:
            moved.set()


class SqliteTold:
    """A message that a member in this process was given, and until when."""

    def __init__(self, groups: SqliteGroups, line: bytes, number: int, until: float, body: bytes) -> None:
        self.said: Any = msgspec.msgpack.decode(body)
        self._groups = groups
        self._line = line
        self._number = number
        self._until = until

    async def done(self) -> None:
        self._groups.done(self._number, self._until)

    async def again(self) -> None:
        self._groups.again(self._line, self._number, self._until)
