"""Rows in PostgreSQL, for services that are several replicas: what one of them writes is there for all."""

from __future__ import annotations

from threading import Lock
from typing import Any

import psycopg

from coterie.doors.http.rows import Table
from coterie.errors import StoreUnavailable


class ServerRows:
    """Rows in a table of a database, over one connection that is opened anew where it was lost.

    The table is called `service_...`, because its name alone may be somebody else's.
    """

    def __init__(self, url: str, table: Table) -> None:
        self._url = url
        self._table = table
        self._called = f"service_{table.name}"
        self._lock = Lock()
        self._db: psycopg.Connection[tuple[Any, ...]] | None = None

    def told(self, query: str, *values: Any) -> tuple[list[tuple[Any, ...]], int]:
        statement = query.replace("?", "%s").replace(f" {self._table.name} ", f" {self._called} ")
        try:
            with self._lock:
                return self._asked(statement, values)
        except psycopg.Error as error:
            raise StoreUnavailable(
                f"the {self._table.name} in PostgreSQL can't be read: {str(error).strip()}"
            ) from error

    def _asked(self, statement: str, values: tuple[Any, ...]) -> tuple[list[tuple[Any, ...]], int]:
        """What a statement gives; a connection that turns out to be lost is opened once more."""
        try:
            cursor = self._opened().execute(statement.encode(), values)
        except psycopg.OperationalError:
            if self._db is not None and not self._db.closed:
                raise
            cursor = self._opened().execute(statement.encode(), values)
        return ([] if cursor.description is None else cursor.fetchall()), cursor.rowcount

    def _opened(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._db is None or self._db.closed:
            self._db = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
            schema = self._table.schema(self._called, bytes="bytea", float="double precision")
            with self._db.transaction():
                self._db.execute("select pg_advisory_xact_lock(hashtext(%s))", (self._called,))
                self._db.execute(schema.encode())
        return self._db

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
