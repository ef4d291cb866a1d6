"""Leases: who may write a run, in the rows of a SQLite store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

from coterie.errors import Busy
from coterie.kernel.story import ENDED
from coterie.ports import DUE, HANDED, Hear
from coterie.stores.held import Held
from coterie.stores.holder import dead, holder
from coterie.stores.reading import newest, tail_of
from coterie.stores.renewals import renewals
from coterie.stores.schema import transaction

LEASE = 30.0
"""Seconds for which a lease is good unless it is renewed."""
_NEW = (
    "insert into runs (id, name, epoch, holder, expires, seen) "
    "values ((select 1 + max((select coalesce(max(id), 0) from runs), (select coalesce(max(run), 0) from pruned))), "
    "?, 1, ?, ?, (select coalesce(max(id), 0) from packs))"
)
_TAKE = "update runs set epoch = ?, holder = ?, expires = ?, tail = ?, seen = ?, wake = null where id = ?"
_RENEW = "update runs set expires = ?, tail = ?, seen = ? where id = ? and epoch = ?"
_GIVE_BACK = (
    "update runs set tail = ?, pages = ?, head = ?, holder = '', expires = 0, "
    "wake = min(coalesce(wake, ?), coalesce(?, wake)) where id = ? and epoch = ?"
)
_WAKE = (
    "update runs set wake = min(coalesce(wake, ?), ?) where name = ? and not exists "
    f"(select 1 from overviews o where o.run = runs.id and o.epoch = runs.epoch and o.status in {tuple(sorted(ENDED))})"
)
_DUE = "select id, name from runs where wake <= ? and (holder = '' or expires <= ?) order by wake limit ?"
_HANDED = "update runs set wake = ? where id = ?"


class Leases:
    """The leases of one process. A run's row says who has it; `tail` is then where it was at pack `seen`."""

    def __init__(self, db: sqlite3.Connection, seconds: float) -> None:
        self._db = db
        self._seconds = seconds
        self._renewed = 0.0

    def take(self, run: str, hear: Hear | None) -> Held:
        """Write down that this process holds `run`, in the transaction of the caller.

        Raises:
            Busy: if another living process holds it.
        """
        now = time.time()
        row = self._db.execute(
            "select id, epoch, holder, expires from runs where name = ?", (run,)
        ).fetchone()
        if row is None:
            cursor = self._db.execute(_NEW, (run, holder(), now + self._seconds))
            return Held(run, cursor.lastrowid or 0, 1, hear)
        key, epoch, whose, expires = row
        if whose and expires > now and not dead(whose):
            raise Busy(
                f"run {run!r} is held by {whose} for {expires - now:.0f} s more; wait, or cancel it there"
            )
        held = Held(run, key, epoch + 1, hear)
        tail = tail_of(self._db, key)
        held.written = (tail, 0, b"")
        expires = now + self._seconds
        self._db.execute(_TAKE, (held.epoch, holder(), expires, tail, newest(self._db), key))
        return held

    def give_back(self, held: Held, wake: float | None) -> None:
        """Let anybody have the run at once; it is due at `wake`, or sooner if somebody said so."""
        self._db.execute(_GIVE_BACK, (*held.written, wake, wake, held.key, held.epoch))

    def wake(self, run: str, at: float) -> None:
        """Have a run that has not ended be due at a time, if not sooner."""
        self._db.execute(_WAKE, (at, at, run))

    def due(self, now: float) -> list[str]:
        """The runs whose time has come; they are due again if nobody claims them."""
        if self._db.execute("select 1 from runs where wake <= ? limit 1", (now,)).fetchone() is None:
            return []
        with transaction(self._db):
            found = self._db.execute(_DUE, (now, time.time(), DUE)).fetchall()
            self._db.executemany(_HANDED, [(now + HANDED, key) for key, _ in found])
        return [name for _, name in found]

    def renew(self, all_held: Iterable[Held], seen: int) -> None:
        """Keep what is held, if it is time to; what it has in packs up to `seen` is counted in it."""
        now = time.time()
        if now - self._renewed <= self._seconds / 3:
            return
        self._renewed = now
        rows = [(now + self._seconds, held.written[0], seen, held.key, held.epoch) for held in all_held]
        with transaction(self._db):
            self._db.executemany(_RENEW, rows)
        renewals.add(len(rows))
