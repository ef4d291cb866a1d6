"""Adopting: a SQLite store keeps a run as another store has kept it, page by page and hash by hash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from coterie.errors import Busy
from coterie.stores.group import PACK
from coterie.stores.reading import newest
from coterie.wire.export import Kept
from coterie.wire.pack import Page, Place, directory

_NEW = (
    "insert into runs (id, name, epoch, holder, expires, seen) "
    "values ((select 1 + max((select coalesce(max(id), 0) from runs), (select coalesce(max(run), 0) from pruned))), "
    "?, 1, '', 0, 0) on conflict (name) do nothing"
)
_END = "update runs set tail = ?, seen = ?, pages = ?, head = ? where id = ?"


def adopt(db: sqlite3.Connection, run: str, kept: Kept) -> None:
    """Write a run as it was kept elsewhere, in the transaction of the caller; nobody holds it then.

    Raises:
        Busy: if there is a run of that name.
    """
    cursor = db.execute(_NEW, (run,))
    if not cursor.rowcount:
        raise Busy(f"there is a run {run!r} already")
    key, number = cursor.lastrowid or 0, newest(db)
    for pages in _packs(kept.pages):
        before, number = (number if pages[0].seq else 0), number + 1
        db.execute(
            "insert into packs (id, places, body) values (?, ?, ?)",
            (number, *_packed(key, before, number, pages)),
        )
    db.executemany("insert or ignore into blobs (name, body) values (?, ?)", kept.contents.items())
    head = kept.pages[-1].hash if kept.pages else b""
    db.execute(_END, (number if kept.pages else 0, number, len(kept.pages), head, key))


def _packs(pages: Sequence[Page]) -> Iterator[list[Page]]:
    """The pages of a run in portions that are a row each."""
    some: list[Page] = []
    size = 0
    for page in pages:
        some.append(page)
        size += len(page.body) + len(page.contents)
        if size >= PACK:
            yield some
            some, size = [], 0
    if some:
        yield some


def _packed(key: int, before: int, number: int, pages: Sequence[Page]) -> tuple[bytes, bytes]:
    """The directory and the body of pack `number`, which comes after pack `before`."""
    places: list[Place] = [
        (key, number if at else before, page.seq, page.count, page.hash, len(page.body), len(page.contents))
        for at, page in enumerate(pages)
    ]
    return directory(places), b"".join(part for page in pages for part in (page.body, page.contents))
