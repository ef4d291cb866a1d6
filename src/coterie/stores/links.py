"""The connections of a PostgreSQL store: one for commits, one for all else; each is opened anew where it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
from psycopg.rows import TupleRow

from coterie.errors import StoreUnavailable
from coterie.stores.tables import migrate

Connection = psycopg.AsyncConnection[TupleRow]
AGAIN = 0.25
"""Seconds after which a server that was lost is looked for again."""


class Links:
    """Connections to the database at `url`, opened when they are needed; `commit` is `synchronous_commit`."""

    def __init__(self, url: str, commit: str) -> None:
        self.url = url
        self._commit = commit
        self._opening = asyncio.Lock()
        self._db: Connection | None = None
        self._pen: Connection | None = None

    @property
    def pen(self) -> Connection:
        """The connection for commits; it is opened with the other."""
        assert self._pen is not None
        return self._pen

    @property
    def lost(self) -> bool:
        """Whether one has to be opened."""
        return self._db is None or self._db.closed or self._pen is None or self._pen.closed

    @asynccontextmanager
    async def told(self) -> AsyncGenerator[Connection, None]:
        """The connection for all but commits.

        Raises:
            StoreUnavailable: for whatever the server or the network raises.
        """
        try:
            db = self._db
            if db is None or self.lost:
                async with self._opening:
                    db = await self._open()
            yield db
        except psycopg.Error as error:
            raise unavailable(error) from error

    async def _open(self) -> Connection:
        """Open what is not open yet, or was lost."""
        if self._db is None or self._db.closed:
            self._db = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
            await migrate(self._db)
        if self._pen is None or self._pen.closed:
            pen = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
            await pen.execute("select set_config('synchronous_commit', %s, false)", (self._commit,))
            self._pen = pen
        return self._db

    async def close(self) -> None:
        """Close what is open."""
        for connection in (self._db, self._pen):
            if connection is not None:
                await connection.close()


def unavailable(error: psycopg.Error) -> StoreUnavailable:
    """What went wrong, and what to look at."""
    return StoreUnavailable(
        f"PostgreSQL failed: {str(error).strip()}; is the server there, and may this user write?"
    )
