"""Rows that a service keeps for itself: keys, secrets, who wants to be told. In a file, or on a server."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from msgspec import Struct

from coterie.errors import StoreUnavailable
from coterie.opening import PATIENCE, write_ahead
from coterie.words.place import is_shared


class Table(Struct, frozen=True):
    """A table, and what its rows are made of; `{bytes}` and `{float}` are the types of a place."""

    name: str
    columns: str

    def schema(self, called: str, **types: str) -> str:
        """What makes it, where there is none."""
        return f"create table if not exists {called} ({self.columns.format(**types)})"


class Rows(Protocol):
    """The rows of a table, whose name stands between spaces in a statement."""

    def told(self, query: str, *values: Any) -> tuple[list[tuple[Any, ...]], int]:
        """The rows that a statement gives, and how many it changed."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class FileRows:
    """Rows in a file, which is nobody else's to read."""

    def __init__(self, path: Path, table: Table) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._path = path
        self._lock = Lock()
        self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        write_ahead(self._db)
        self._db.execute(table.schema(table.name, bytes="blob", float="real"))

    def told(self, query: str, *values: Any) -> tuple[list[tuple[Any, ...]], int]:
        try:
            with self._lock:
                cursor = self._db.execute(query, values)
                return cursor.fetchall(), cursor.rowcount
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"{str(self._path)!r} can't be used: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()


def rows_at(place: str | Path, table: Table) -> Rows:
    """The rows at a file, or at a PostgreSQL address."""
    if not is_shared(place):
        return FileRows(Path(place), table)
    from coterie.doors.http.serverrows import ServerRows

    return ServerRows(str(place), table)
