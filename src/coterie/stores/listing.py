"""Listing the runs of a SQLite store: by rows that say how each stands, so that a page costs what it lists.

A row is written by the commit that closes its run. One that was parked, or never given back, is read from its
journal; what nobody writes any more is then written down. A row of an earlier epoch counts for nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeAlias

import msgspec

from coterie.kernel.story import ENDED, overview
from coterie.stores.holder import dead
from coterie.words.event import Record
from coterie.words.result import Overview
from coterie.words.which import Which

Read: TypeAlias = Callable[[str, int], list[Record]]
"""Reads the journal of a run, given its name and number."""
PUT = (
    "insert into overviews (run, epoch, status, team, started, body) values (?, ?, ?, ?, ?, ?) "
    "on conflict (run) do update set epoch = excluded.epoch, status = excluded.status, team = excluded.team, "
    "started = excluded.started, body = excluded.body where excluded.epoch >= overviews.epoch"
)
_decoder = msgspec.msgpack.Decoder(Overview)
_encoder = msgspec.msgpack.Encoder()


def packed(seen: Overview) -> bytes:
    """An overview as bytes."""
    return _encoder.encode(seen)


def unpacked(body: bytes) -> Overview:
    """The overview in `body`."""
    return _decoder.decode(body)


def row(key: int, epoch: int, seen: Overview) -> tuple[Any, ...]:
    """An overview as `PUT` wants it."""
    return key, epoch, seen.status, seen.team, seen.started, packed(seen)


def standing(name: str, records: list[Record], whose: str) -> Overview:
    """One run at a glance; one that nobody holds, nor time brings back, was interrupted."""
    seen = overview(name, records)
    if seen.status == "running" and seen.wakes is None and (not whose or dead(whose)):
        return msgspec.structs.replace(seen, status="interrupted")
    return seen


def settled(seen: Overview, whose: str) -> bool:
    """Whether nobody can change how a run stands without claiming it."""
    return not whose or seen.status in ENDED


def page(db: sqlite3.Connection, which: Which, read: Read) -> list[Overview]:
    """The runs that are asked for, the newest first."""
    learnt: list[tuple[Any, ...]] = []
    found = list(islice(_found(db, which, read, learnt), which.limit))
    if learnt:
        db.executemany(PUT, learnt)
    return found


def _found(
    db: sqlite3.Connection, which: Which, read: Read, learnt: list[tuple[Any, ...]]
) -> Iterator[Overview]:
    """What fits, as it is come upon; what had to be read is added to `learnt`."""
    query, values = _query(which)
    for key, name, epoch, whose, body in db.execute(query, values):
        if body is not None:
            seen = unpacked(body)
            if not which.words or which.fits(seen):
                yield seen
            continue
        records = read(name, key)
        if not records:
            continue  # claimed, and never begun
        seen = standing(name, records, whose)
        if settled(seen, whose):
            learnt.append(row(key, epoch, seen))
        if which.fits(seen):
            yield seen


def _query(which: Which) -> tuple[str, list[Any]]:
    """The runs whose row fits, and those that have none."""
    asked: list[str] = ["o.started >= ?"]
    values: list[Any] = [which.since]
    if which.team:
        asked.append("o.team = ?")
        values.append(which.team)
    if which.statuses:
        asked.append(f"o.status in ({', '.join('?' * len(which.statuses))})")
        values += which.statuses
    wanted = [f"(o.run is null or ({' and '.join(asked)}))"]
    if which.id:
        wanted.append("r.name = ?")
        values.append(which.id)
    if which.before:
        wanted.append("r.id < (select id from runs where name = ?)")
        values.append(which.before)
    return (
        "select r.id, r.name, r.epoch, r.holder, o.body from runs r left join overviews o "
        f"on o.run = r.id and o.epoch = r.epoch where {' and '.join(wanted)} order by r.id desc"
    ), values
