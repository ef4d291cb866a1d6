"""Grouped commits: what many runs append within one turn of the loop is one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any


class Group:
    """The appends that go into one commit, and those who wait for it."""

    __slots__ = ("blobs", "ends", "pages", "refused", "waiting")

    def __init__(self) -> None:
        self.pages: list[tuple[Any, ...]] = []
        self.blobs: list[tuple[bytes, bytes]] = []
        self.ends: list[tuple[Any, ...]] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.refused: set[int] = set()

    def settle(self, error: BaseException | None) -> None:
        """Tell everybody who waits how it went."""
        for future in self.waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


_PAGE = "insert into pages (run, seq, count, hash, body, contents) values (?, ?, ?, ?, ?, ?)"
_END = "update runs set pages = ?, head = ?, holder = '', expires = 0 where id = ? and epoch = ?"


class Committer:
    """Writes groups through one connection, and notices when another process has written."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._version = self._seen()

    def commit(self, group: Group, epochs: Callable[[], Mapping[int, int]]) -> None:
        """Write a group, all or nothing, without what a lost lease brings (see `group.refused`).

        `epochs` gives the leases there are, by run; it is asked only when they have to be checked.
        """
        db = self.db
        db.execute("begin immediate")
        try:
            self._write(group, epochs)
        except BaseException:
            db.execute("rollback")
            raise
        db.execute("commit")

    def _write(self, group: Group, epochs: Callable[[], Mapping[int, int]]) -> None:
        version = self._seen()
        if version != self._version:
            self._version = version
            group.refused = self._lost(epochs())
        pages = group.pages
        if group.refused:
            pages = [page for page in pages if page[0] not in group.refused]
        self.db.executemany(_PAGE, pages)
        if group.blobs:
            self.db.executemany("insert or ignore into blobs (name, body) values (?, ?)", group.blobs)
        if group.ends:
            self.db.executemany(_END, group.ends)

    def _seen(self) -> int:
        """Changes whenever another connection has committed (SQLite, PRAGMA data_version)."""
        [(version,)] = self.db.execute("pragma data_version")
        return int(version)

    def _lost(self, epochs: Mapping[int, int]) -> set[int]:
        """The runs that somebody else has claimed since we did."""
        now = dict(self.db.execute("select id, epoch from runs where holder <> ''"))
        return {key for key, epoch in epochs.items() if now.get(key) != epoch}
