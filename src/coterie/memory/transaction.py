"""A transaction of SQLite: all of it, or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def transaction(db: sqlite3.Connection, kind: str) -> Generator[None, None, None]:
    """What is done inside is kept as a whole when it ends; `kind` is `deferred` to read, `immediate` to write.

    `db` is in autocommit mode, and nobody else's until the end.
    """
    db.execute(f"begin {kind}")
    try:
        yield
    except BaseException:  # whatever happened, half a change must not stay
        db.execute("rollback")
        raise
    db.execute("commit")
