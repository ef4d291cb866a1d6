"""The disk below a SQLite store: has it keep what is in SQLite's log, in a thread, while the loop goes on."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

_sync = getattr(os, "fdatasync", os.fsync)
"""What SQLite itself calls where it is there: all of the file, and as much about it as reading it needs."""
HANDOVER = 0.001
"""Seconds that the thread is given to begin. It needs the interpreter for that, which a busy loop keeps for longer than
the disk takes: the two would take turns."""


class Disk:
    """Syncs the log of one store. The log is there as long as a connection is open."""

    def __init__(self, path: Path) -> None:
        whole = (
            path.resolve()
        )  # as SQLite does, which keeps the log beside the file and not beside a link to it
        self._path = whole.with_name(f"{whole.name}-wal")
        self._thread = ThreadPoolExecutor(1, "coterie-disk")
        self._log: int | None = None
        self._begun = Event()

    def keep(self) -> asyncio.Future[None]:
        """Comes when everything that is in the log now survives a power cut.

        Raises:
            OSError: in what it gives, if the disk fails.
        """
        self._begun.clear()
        kept = asyncio.get_running_loop().run_in_executor(self._thread, self._keep)
        self._begun.wait(HANDOVER)
        return kept

    def close(self) -> None:
        """Let go of the log."""
        self._thread.shutdown()
        if self._log is not None:
            os.close(self._log)

    def _keep(self) -> None:
        self._begun.set()
        if self._log is None:  # SQLite makes it, and syncs its folder, with the first commit
            self._log = os.open(self._path, os.O_RDWR)
        _sync(self._log)
