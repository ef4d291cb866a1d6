"""Tallies: what the runs of a store use up together, a day at a time; in memory, and in the file of a SQLite store.

What is set aside is counted as used. A row a run and lease says what that run has set aside, so that it can be given
back, and so that what a dead process held is known; `shell/purse.py` says how it is recovered.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from coterie.stores.schema import told, transaction
from coterie.words.quota import NO_SPENDING, Reserved, Spending, granted, plus


class MemoryTally:
    """A tally in a dict."""

    def __init__(self) -> None:
        self._used: dict[str, Spending] = {}
        self._rows: dict[tuple[str, int, str], Reserved] = {}

    async def reserve(self, wanted: Reserved, extra: Spending, caps: Spending) -> Spending:
        used = self._used.get(wanted.day, NO_SPENDING)
        amounts = granted(used, caps, wanted.amounts, extra)
        self._used[wanted.day] = plus(used, amounts)
        key = (wanted.run, wanted.epoch, wanted.day)
        held = self._rows.get(key)
        self._rows[key] = _grown(wanted if held is None else held, amounts, new=held is None)
        return amounts

    async def settle(self, run: str, epoch: int, day: str, spent: Spending) -> None:
        held = self._rows.pop((run, epoch, day), None)
        if held is not None:
            self._used[day] = plus(plus(self._used[day], held.amounts, -1), spent)

    async def reserved(self, run: str = "") -> list[Reserved]:
        return [one for one in self._rows.values() if run in ("", one.run)]

    async def used(self, day: str) -> Spending:
        return self._used.get(day, NO_SPENDING)


_TABLES = """
create table if not exists days (day text primary key, used blob not null) without rowid;
create table if not exists reserved (
    run     text    not null,
    epoch   integer not null,
    day     text    not null,
    after   integer not null,
    amounts blob    not null,
    primary key (run, epoch, day)
) without rowid;
"""
"""Made when they are first used: a store that has no quotas has none of them."""
_SET_DAY = "insert into days values (?, ?) on conflict (day) do update set used = excluded.used"
_SET_ROW = (
    "insert into reserved values (?, ?, ?, ?, ?) "
    "on conflict (run, epoch, day) do update set amounts = excluded.amounts"
)
_THE_ROW = "select run, epoch, day, after, amounts from reserved where run = ? and epoch = ? and day = ?"


class SqliteTally:
    """A tally in the file of a SQLite store, for all processes that use it: each change is one transaction."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        with told(path), transaction(db):
            for table in filter(str.strip, _TABLES.split(";")):
                db.execute(table)

    async def reserve(self, wanted: Reserved, extra: Spending, caps: Spending) -> Spending:
        with told(self._path), transaction(self._db):
            used = self._day(wanted.day)
            amounts = granted(used, caps, wanted.amounts, extra)
            held = self._row(wanted.run, wanted.epoch, wanted.day)
            row = _grown(wanted if held is None else held, amounts, new=held is None)
            self._db.execute(_SET_DAY, (wanted.day, _body(plus(used, amounts))))
            self._db.execute(_SET_ROW, (row.run, row.epoch, row.day, row.after, _body(row.amounts)))
        return amounts

    async def settle(self, run: str, epoch: int, day: str, spent: Spending) -> None:
        with told(self._path), transaction(self._db):
            held = self._row(run, epoch, day)
            if held is not None:
                used = plus(plus(self._day(day), held.amounts, -1), spent)
                self._db.execute(_SET_DAY, (day, _body(used)))
                self._db.execute(
                    "delete from reserved where run = ? and epoch = ? and day = ?", (run, epoch, day)
                )

    async def reserved(self, run: str = "") -> list[Reserved]:
        query = (
            "select run, epoch, day, after, amounts from reserved where ? in ('', run) order by run, epoch"
        )
        with told(self._path):
            return [_reserved(row) for row in self._db.execute(query, (run,))]

    async def used(self, day: str) -> Spending:
        with told(self._path):
            return self._day(day)

    def _day(self, day: str) -> Spending:
        row = self._db.execute("select used from days where day = ?", (day,)).fetchone()
        return NO_SPENDING if row is None else _amounts(row[0])

    def _row(self, run: str, epoch: int, day: str) -> Reserved | None:
        row = self._db.execute(_THE_ROW, (run, epoch, day)).fetchone()
        return None if row is None else _reserved(row)


def _grown(row: Reserved, amounts: Spending, *, new: bool) -> Reserved:
    return msgspec.structs.replace(row, amounts=amounts if new else plus(row.amounts, amounts))


def _body(amounts: Spending) -> bytes:
    return msgspec.msgpack.encode(amounts)


def _amounts(body: bytes) -> Spending:
    return tuple(msgspec.msgpack.decode(body, type=list[float], strict=False))


def _reserved(row: tuple[str, int, str, int, bytes]) -> Reserved:
    run, epoch, day, after, amounts = row
    return Reserved(run=run, epoch=epoch, day=day, after=after, amounts=_amounts(amounts))
