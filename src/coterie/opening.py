"""Opening SQLite files: many processes may do so at the same moment, whether the file is there or not."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

PATIENCE: Final = 30.0
"""Seconds to wait while other processes open or write."""
SOON: Final = 0.005
"""Seconds between two tries."""


def write_ahead(db: sqlite3.Connection) -> None:
    """Have a file written ahead (WAL). Where another process is at it now, SQLite refuses at once: it is tried again.

    Raises:
        sqlite3.OperationalError: if that cannot be, or the others take longer than anybody waits.
    """
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
            time.sleep(SOON)
        else:
            return


@contextmanager
def moment(db: sqlite3.Connection) -> Generator[None]:
    """Read a file as it is at one moment, whatever others write."""
    db.execute("begin")
    try:
        yield
    finally:
        db.execute("commit")
