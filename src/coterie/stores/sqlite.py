"""Journals in one SQLite file: the embedded default.

Theory of operation
===================

1. What the runs of one process append within one turn of the loop is one transaction. A run that was alone for a
   turn waits for none: each of its appends is one.
2. `durability` says what an append that has returned survives:
   `full`: everything, power cuts too. A commit is as with `normal`; then a thread has the disk keep
   SQLite's log, and the loop goes on meanwhile. That is what SQLite's own `full` does in one go, which would
   wait for the loop at every statement.
   `normal`: the death of the process, kill -9 too. A power cut may take the last commits, and
   never damages the file.
   `relaxed`: a clean end. A kill may take the last 50 ms, and a power cut may damage the file.
3. One writer a run: a claim raises the run's epoch. Every commit looks whether another process
   has written since the last one; only then can a lease have been lost, and each is checked in
   that same transaction. What a stale writer brings is refused; the rest goes in. The commit
   that closes a run gives its lease back too.
4. A commit is one row for all runs (see `wire.pack`), and each page says where the one before it
   is. So writing needs no index. A run's row says where its newest page is, as of the time when
   the run was last given back or its lease renewed; for one that was not given back, what was
   written since is looked through.
5. A lease is renewed while its process lives. That of a dead process on this machine is free at
   once, that of another machine after `lease` seconds.
6. A store belongs to the event loop that uses it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Literal

from coterie.errors import BadInput, Busy, CoterieError, StoreError
from coterie.ports import Hear, Lease
from coterie.stores.adopting import adopt
from coterie.stores.disk import Disk
from coterie.stores.group import Committer, Group, fenced
from coterie.stores.held import Held
from coterie.stores.leases import LEASE, Leases
from coterie.stores.listing import page
from coterie.stores.pruning import Pruner
from coterie.stores.reading import Ends, Journals, SqliteGrowth, tail_of
from coterie.stores.schema import connect, failed, told, transaction
from coterie.stores.signals import Signals, gone
from coterie.stores.tally import SqliteTally
from coterie.stores.told import SqliteGroups
from coterie.stores.written import come
from coterie.wire.export import Kept, kept
from coterie.wire.journal import Reader
from coterie.wire.redaction import taken
from coterie.words.event import Record, Signalled
from coterie.words.pruned import Pruned
from coterie.words.result import Overview
from coterie.words.which import ALL, Which

Durability = Literal["full", "normal", "relaxed"]
_SYNCHRONOUS = {"full": "normal", "normal": "normal", "relaxed": "off"}
BEAT = 0.2
"""Seconds between two looks for signals from other processes."""
EARLY = 32
"""Pages that are worth an fsync of their own."""
LAG = 0.05
"""Seconds that `relaxed` may keep what was appended."""


class SqliteStore:
    """Journals in one SQLite file (this module says what each `durability` promises)."""

    def __init__(self, path: str | Path, *, durability: Durability = "normal", lease: float = LEASE) -> None:
        if durability not in _SYNCHRONOUS:
            raise BadInput(f"durability is one of {sorted(_SYNCHRONOUS)}, not {durability!r}")
        self.path = Path(path)
        self.durability = durability
        self._relaxed, full = durability == "relaxed", durability == "full"
        self._db = connect(self.path, _SYNCHRONOUS[durability])
        self._committer = Committer(self._db)
        self._disk = Disk(self.path) if full else None
        self._leases = Leases(self._db, lease)
        self._signals = Signals(self._db)
        self._held: dict[str, Held] = {}
        self._group: Group | None = None
        self._busy: asyncio.Future[None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._seen = 0
        self._alone = False  # whether a run had a whole turn of the loop for itself

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        if run in self._held:
            raise Busy(f"run {run!r} is being worked on in this process")
        with told(self.path):
            with transaction(self._db):
                held = self._leases.take(run, hear)
            if held.epoch > 1:
                self._learn(held)
        self._held[run] = held
        self._alone = False
        if hear is not None and held.epoch > 1:
            self._signals.hand_over([held], run)
        self._keep_beating()
        return Lease(run, held.epoch)

    async def release(self, lease: Lease, /, wake: float | None = None) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            return
        if held.ended and held.written[1] == held.pages:
            del self._held[lease.run]  # the commit that closed it gave it back
            return
        if self._group is not None or self._busy is not None:
            await self._flushed()
        del self._held[lease.run]
        with told(self.path):
            self._leases.give_back(held, wake)

    async def wake(self, run: str, /, at: float = 0.0) -> None:
        with told(self.path):
            self._leases.wake(run, at)

    async def due(self, now: float, /) -> list[str]:
        with told(self.path):
            return self._leases.due(now)

    def append(
        self, lease: Lease, records: Sequence[Record], /, heard: Sequence[int] = ()
    ) -> asyncio.Future[None]:
        held = self._held.get(lease.run)
        try:
            if held is None or held.epoch != lease.epoch:
                raise fenced(lease.run, lease.epoch)
            if not records:
                return come()
            if records[0].seq != held.seq:
                raise StoreError(f"run {held.run!r} has {held.seq} events; {records[0].seq} cannot come next")
            group = self._group or Group(asyncio.get_running_loop())
            written = group.add(held, records)
            if held.handed and (numbers := gone(held, records, heard)):
                group.heard.append((held, numbers))
        except CoterieError as error:
            return come(error)
        if group is not self._group:
            self._gather(group)
        if self._relaxed:
            written.set_result(None)
        elif self._disk is not None and self._busy is None and group.size >= self._enough():
            self._flush()
        return written

    async def read(self, run: str, /) -> list[Record]:
        held = self._held.get(run)
        if held is not None and held.records is not None:
            records, held.records = held.records, None
            return records
        await self._flushed()
        with told(self.path):
            row = self._db.execute("select id from runs where name = ?", (run,)).fetchone()
            return [] if row is None else self._read(self._journals(), row[0], self._tail(run, row[0]))

    def growth(self, run: str, /) -> SqliteGrowth:
        """The journal of a run as it grows, whoever writes it."""
        return SqliteGrowth(self._db, self.path, run, self._flushed)

    async def signal(self, run: str, signal: Signalled, /) -> None:
        with told(self.path), transaction(self._db):
            self._signals.say(run, signal)
            self._leases.wake(run, 0.0)

    async def runs(self, which: Which = ALL, /) -> list[Overview]:
        await self._flushed()
        with told(self.path):
            journals, ends = self._journals(), Ends(self._db)
            return page(self._db, which, lambda _, key: self._read(journals, key, ends.of(key)))

    async def verify(self, run: str, /) -> list[str]:
        """What is wrong with a journal, a line each; empty for one that is what was written.

        Finds every changed, dropped or reordered event. Of a run that was not given back, dropping
        its newest events looks like having stopped earlier.
        """
        await self._flushed()
        with told(self.path):
            query = "select id, holder, pages, head from runs where name = ?"
            row = self._db.execute(query, (run,)).fetchone()
            if row is None:
                return [f"no run {run!r}"]
            key, whose, pages, head = row
            return self._journals().problems(
                run, key, tail_of(self._db, key), None if whose else (pages, head)
            )

    async def kept(self, run: str, /) -> Kept:
        """What is kept of a run, for `wire.export`; no pages for an unknown one.

        Raises:
            Corrupt: if it is not what was written.
        """
        await self._flushed()
        with told(self.path):
            row = self._db.execute("select id from runs where name = ?", (run,)).fetchone()
            journals = self._journals()
            pages = [] if row is None else journals.pages(row[0], self._tail(run, row[0]))
            return kept(pages, journals.blob)

    async def redact(
        self, lease: Lease, events: Collection[int], by: str, why: str, at: float, /
    ) -> Signalled:
        held = self._mine(lease)
        await self._flushed()
        with told(self.path):
            journals = self._journals()
            found = taken(journals.pages(held.key, held.written[0]), events, journals.blob)
        said = found.said(by, why)
        await self.append(lease, [Record(held.seq, at, said)])
        await self._flushed()
        with told(self.path):
            Pruner(self._db, self._journals()).rewrite(held, held.written[0], found)
        return said

    async def prune(self, leases: Sequence[Lease], by: str, why: str, at: float, /) -> list[Pruned]:
        mine = [self._mine(lease) for lease in leases]
        await self._flushed()
        with told(self.path):
            pruner = Pruner(self._db, self._journals())
            gone = pruner.prune([(held, held.written[0]) for held in mine], at=at, by=by, why=why)
        for held in mine:
            self._held.pop(held.run, None)
        return gone

    async def pruned(self) -> list[Pruned]:
        with told(self.path):
            return Pruner(self._db, self._journals()).pruned()

    def _mine(self, lease: Lease) -> Held:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            raise fenced(lease.run, lease.epoch)
        return held

    @cached_property
    def tally(self) -> SqliteTally:
        """What the runs of this file use up together."""
        return SqliteTally(self._db, self.path)

    @cached_property
    def groups(self) -> SqliteGroups:
        """What groups of runs are told that use this file."""
        return SqliteGroups(self._db, self.path)

    async def adopt(self, run: str, kept: Kept, /) -> None:
        """Keep a run as another store has kept it; nobody holds it then.

        Raises:
            Busy: if there is a run of that name.
        """
        # A connection of its own, so that the committer notices that somebody else has written.
        with (
            told(self.path),
            closing(connect(self.path, _SYNCHRONOUS[self.durability])) as db,
            transaction(db),
        ):
            adopt(db, run, kept)

    async def said(self, run: str, /) -> list[Signalled]:
        """What waits for whoever claims a run."""
        with told(self.path):
            return self._signals.waiting(run)

    async def close(self) -> None:
        await self._flushed()
        for held in list(self._held.values()):
            await self.release(Lease(held.run, held.epoch))
        if self._beat is not None:
            self._beat.cancel()
        if self._disk is not None:
            self._disk.close()
        self._db.close()

    def _learn(self, held: Held) -> None:
        """Read what is in the journal of a run, so that it can be gone on with."""
        journals = self._journals()
        reader = Reader(journals.blob)
        tail = held.written[0]
        pages = journals.pages(held.key, tail)
        held.records = journals.records(pages, reader)
        held.first = held.records[0] if held.records else None
        held.seq, held.pages = len(held.records), len(pages)
        held.head = pages[-1].hash if pages else b""
        held.written = (tail, held.pages, held.head)
        held.writer.contents.update(reader.contents)
        held.writer.links = reader.links

    # Commits

    def _enough(self) -> int:
        """How much is written before everybody has had a turn: so some runs work while others wait for the disk."""
        return max(EARLY, len(self._held) // 2)

    def _gather(self, group: Group) -> None:
        """Begin with a group, which is committed when everybody on the loop has had a turn, if there is anybody."""
        self._group = group
        if self._relaxed:
            asyncio.get_running_loop().call_later(LAG, self._flush)
        elif self._alone:
            self._flush()
        elif self._busy is None:
            asyncio.get_running_loop().call_soon(self._flush_turn)

    def _flush_turn(self) -> None:
        """Commit what was gathered in one turn of the loop."""
        self._alone = len(self._held) == 1
        self._flush()

    def _flush(self) -> None:
        """Commit the group that was gathered; with `full`, it is settled when the disk has it."""
        group = self._group
        if group is None or self._busy is not None:
            return
        self._group = None
        error = self._commit(group)
        if error is not None or self._disk is None:
            self._settle(group, error)
            return
        self._busy = asyncio.get_running_loop().create_future()
        self._disk.keep().add_done_callback(lambda kept: self._kept(group, kept.exception()))

    def _commit(self, group: Group) -> StoreError | None:
        """Commit a group; what went wrong goes to everybody who waits for it."""
        try:
            self._committer.commit(group, self._epochs)
        except (sqlite3.Error, OSError) as error:
            return failed(error, self.path)
        return None

    def _settle(self, group: Group, error: StoreError | None) -> None:
        group.settle(error)
        if error is None:
            self._seen = group.last
        for held in group.lost:
            self._held.pop(held.run, None)

    def _epochs(self) -> dict[int, int]:
        """The runs that this process writes."""
        return {held.key: held.epoch for held in self._held.values()}

    def _kept(self, group: Group, error: BaseException | None) -> None:
        """The disk has a group, or failed."""
        busy, self._busy = self._busy, None
        self._settle(group, None if error is None else failed(error, self.path))
        if self._group is not None:
            self._flush()
        if busy is not None and not busy.done():
            busy.set_result(None)

    async def _flushed(self) -> None:
        """Wait until everything that was appended is written."""
        while self._group is not None or self._busy is not None:
            if self._busy is not None:
                await asyncio.shield(self._busy)
            else:
                self._flush()

    # Reading

    def _journals(self) -> Journals:
        return Journals(self._db, str(self.path))

    def _read(self, journals: Journals, key: int, tail: int) -> list[Record]:
        return journals.records(journals.pages(key, tail), Reader(journals.blob))

    def _tail(self, run: str, key: int) -> int:
        """The newest pack of a run, which of one that is written here is known."""
        held = self._held.get(run)
        return tail_of(self._db, key) if held is None else held.written[0]

    # The background

    def _keep_beating(self) -> None:
        if self._beat is None or self._beat.cancelled():
            self._beat = asyncio.get_running_loop().call_later(BEAT, self._tick)

    def _tick(self) -> None:
        """Renew the leases that need it, and hear what other processes have to say."""
        self._beat = None
        if not self._held:
            return
        with told(self.path):
            self._leases.renew(self._held.values(), self._seen)
            self._signals.hand_over(list(self._held.values()))
        self._keep_beating()
