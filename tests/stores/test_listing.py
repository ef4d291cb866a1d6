"""Listing runs by the rows that say how they stand."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from coterie.stores import SqliteStore
from coterie.stores.schema import VERSION
from coterie.testing.journals import written
from coterie.words.event import Closed, Settled
from coterie.words.which import Which


async def _listed(path: Path, which: Which) -> list[tuple[str, str, int]]:
    store = SqliteStore(path)
    try:
        return [(one.id, one.status, one.events) for one in await store.runs(which)]
    finally:
        await store.close()


async def _filled(path: Path) -> None:
    store = SqliteStore(path)
    await store.release(await written(store, "ended", [Settled("t/s.1"), Closed(status="failed")]))
    await store.release(await written(store, "parked", [Settled("t/s.1")]))
    await store.close()


def _do(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def test_what_has_ended_is_listed_without_its_journal(tmp_path: Path) -> None:
    """The commit that closes a run says how it is listed; no page of the journal is read for it."""
    path = tmp_path / "r.db"
    asyncio.run(_filled(path))
    _do(path, "delete from packs")
    assert asyncio.run(_listed(path, Which(id="ended"))) == [("ended", "failed", 3)]


def test_what_was_parked_is_read_once(tmp_path: Path) -> None:
    """How a parked run stands is read from its journal at the first listing, and known at the next."""
    path = tmp_path / "r.db"
    asyncio.run(_filled(path))
    seen = asyncio.run(_listed(path, Which()))
    _do(path, "delete from packs")
    assert seen == [("parked", "interrupted", 2), ("ended", "failed", 3)]
    assert asyncio.run(_listed(path, Which())) == seen


def test_a_store_of_the_version_before_is_brought_up(tmp_path: Path) -> None:
    """A file without rows for listing gets them, and lists the same runs."""
    path = tmp_path / "r.db"
    asyncio.run(_filled(path))
    seen = asyncio.run(_listed(path, Which()))
    later = ("drop table overviews", "drop index runs_by_wake", "alter table runs drop column wake")
    _do(path, *later, "pragma user_version = 2")
    assert [asyncio.run(_listed(path, Which())) for _ in range(2)] == [seen, seen]
    db = sqlite3.connect(path)
    assert db.execute("pragma user_version").fetchone() == (VERSION,)
    db.close()
