"""Journals in one SQLite file: the embedded default.

Theory of operation
===================

1. What the runs of one process append within one turn of the loop is one transaction.
2. `durability` says what an append that has returned survives:
   `full`: everything, power cuts too (an fsync a commit, in a writer thread).
   `normal`: the death of the process, kill -9 too. A power cut may take the last commits, and
   never damages the file.
   `relaxed`: a clean end. A kill may take the last 50 ms, and a power cut may damage the file.
3. One writer a run: a claim raises the run's epoch. Every commit looks whether another process
   has written since the last one; only then can a lease have been lost, and each is checked in
   that same transaction. What a stale writer brings is refused; the rest goes in. The commit
   that closes a run gives its lease back too.
4. A lease is renewed while its process lives. That of a dead process on this machine is free at
   once, that of another machine after `lease` seconds.
5. A store belongs to the event loop that uses it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from coterie.errors import BadInput, Busy, Corrupt, Fenced, StoreError
from coterie.kernel.story import overview
from coterie.ports import Hear, Lease
from coterie.stores.group import Committer, Group
from coterie.stores.holder import dead, holder
from coterie.stores.schema import connect, told, transaction
from coterie.wire.journal import Reader, Writer, packed, sealed
from coterie.words.digest import digest, encode
from coterie.words.event import Closed, Record, Signalled
from coterie.words.result import Overview

Durability = Literal["full", "normal", "relaxed"]
_SYNCHRONOUS = {"full": "full", "normal": "normal", "relaxed": "off"}
LEASE = 30.0
"""Seconds for which a lease is good unless it is renewed."""
BEAT = 0.2
"""Seconds between two looks for signals from other processes."""
LAG = 0.05
"""Seconds that `relaxed` may keep what was appended."""
LARGE = 65536
"""Bytes from which a content is kept once for all runs."""


class _Held:
    """One run that this process writes."""

    __slots__ = ("ended", "epoch", "head", "hear", "key", "pages", "records", "run", "seq", "writer")

    def __init__(self, run: str, key: int, epoch: int, hear: Hear | None) -> None:
        self.run = run
        self.key = key
        self.epoch = epoch
        self.hear = hear
        self.ended = False
        self.seq = self.pages = 0
        self.head = b""
        self.writer = Writer()
        self.records: list[Record] | None = []


class SqliteStore:
    """Journals in one SQLite file (this module says what each `durability` promises)."""

    def __init__(self, path: str | Path, *, durability: Durability = "normal", lease: float = LEASE) -> None:
        if durability not in _SYNCHRONOUS:
            raise BadInput(f"durability is one of {sorted(_SYNCHRONOUS)}, not {durability!r}")
        self.path = Path(path)
        self.durability = durability
        self._lease = lease
        full = durability == "full"
        # With `full`, claims and reads have a connection of their own: they need no fsync.
        self._db = connect(self.path, "normal" if full else _SYNCHRONOUS[durability])
        self._committer = Committer(connect(self.path, "full") if full else self._db)
        self._thread = ThreadPoolExecutor(1, "coterie-sqlite") if full else None
        self._held: dict[str, _Held] = {}
        self._group: Group | None = None
        self._busy: asyncio.Future[None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._renewed = 0.0

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        if run in self._held:
            raise Busy(f"run {run!r} is being worked on in this process")
        with told(self.path):
            with transaction(self._db):
                held = self._take(run, hear)
            if held.epoch > 1:
                self._learn(held)
        self._held[run] = held
        if hear is not None and held.epoch > 1:
            self._hear_signals([held])
        self._keep_beating()
        return Lease(run, held.epoch)

    async def release(self, lease: Lease, /) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            return
        if held.ended:
            del self._held[lease.run]
            return
        if self._group is not None or self._busy is not None:
            await self._flushed()
        del self._held[lease.run]
        with told(self.path):
            self._db.execute(_GIVE_BACK, (held.key, held.epoch))

    async def append(self, lease: Lease, records: Sequence[Record], /) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            raise _fenced(lease)
        if not records:
            return
        if records[0].seq != held.seq:
            raise StoreError(f"run {lease.run!r} has {held.seq} events; {records[0].seq} cannot come next")
        group = self._group or self._gather()
        self._add(group, held, records)
        if self.durability == "relaxed":
            return
        future = asyncio.get_running_loop().create_future()
        group.waiting.append(future)
        await future
        if group.refused and held.key in group.refused:
            self._held.pop(lease.run, None)
            raise _fenced(lease)
        held.ended = type(records[-1].event) is Closed

    async def read(self, run: str, /) -> list[Record]:
        held = self._held.get(run)
        if held is not None and held.records is not None:
            records, held.records = held.records, None
            return records
        await self._flushed()
        with told(self.path):
            row = self._db.execute("select id from runs where name = ?", (run,)).fetchone()
            return [] if row is None else self._read(row[0], Reader(self._blob))

    async def signal(self, run: str, signal: Signalled, /) -> None:
        body = encode([signal.kind, signal.about, signal.value])
        with told(self.path):
            self._db.execute("insert into signals (run, body) values (?, ?)", (run, body))

    async def runs(self) -> list[Overview]:
        await self._flushed()
        with told(self.path):
            rows = self._db.execute("select id, name, holder from runs order by id desc").fetchall()
            found = [(name, self._read(key, Reader(self._blob)), holder_) for key, name, holder_ in rows]
        return [_seen(name, records, holder_) for name, records, holder_ in found if records]

    async def verify(self, run: str, /) -> list[str]:
        """What is wrong with a journal, a line each; empty for one that is what was written.

        Finds every changed, dropped or reordered event. Of a run that has not ended, dropping
        its newest events looks like having stopped earlier.
        """
        await self._flushed()
        with told(self.path):
            row = self._db.execute("select id, pages, head from runs where name = ?", (run,)).fetchone()
            return [f"no run {run!r}"] if row is None else self._verify(run, *row)

    async def close(self) -> None:
        await self._flushed()
        for held in list(self._held.values()):
            await self.release(Lease(held.run, held.epoch))
        if self._beat is not None:
            self._beat.cancel()
        if self._thread is not None:
            self._thread.shutdown()
            self._committer.db.close()
        self._db.close()

    # Claims

    def _take(self, run: str, hear: Hear | None) -> _Held:
        """Write down that this process holds `run`, in the transaction of the caller."""
        now = time.time()
        row = self._db.execute(
            "select id, epoch, holder, expires from runs where name = ?", (run,)
        ).fetchone()
        if row is None:
            cursor = self._db.execute(
                "insert into runs (name, epoch, holder, expires) values (?, 1, ?, ?)",
                (run, holder(), now + self._lease),
            )
            return _Held(run, cursor.lastrowid or 0, 1, hear)
        key, epoch, whose, expires = row
        if whose and expires > now and not dead(whose):
            raise Busy(
                f"run {run!r} is held by {whose} for {expires - now:.0f} s more; wait, or cancel it there"
            )
        self._db.execute(
            "update runs set epoch = ?, holder = ?, expires = ? where id = ?",
            (epoch + 1, holder(), now + self._lease, key),
        )
        return _Held(run, key, epoch + 1, hear)

    def _learn(self, held: _Held) -> None:
        """Read what is in the journal of a run, so that it can be gone on with."""
        reader = Reader(self._blob)
        held.records = self._read(held.key, reader)
        held.seq = len(held.records)
        held.writer.contents.update(reader.contents)
        held.writer.links = reader.links
        last = "select hash, (select count(*) from pages where run = ?) from pages where run = ? order by seq desc"
        held.head, held.pages = self._db.execute(last, (held.key, held.key)).fetchone() or (b"", 0)

    # Commits

    def _gather(self) -> Group:
        """A new group, which is committed when everybody on the loop has had a turn."""
        group = self._group = Group()
        loop = asyncio.get_running_loop()
        if self.durability == "relaxed":
            loop.call_later(LAG, self._flush)
        elif self._busy is None:
            loop.call_soon(self._flush)
        return group

    def _add(self, group: Group, held: _Held, records: Sequence[Record]) -> None:
        body, fresh = held.writer.page(records)
        large = [(name, content) for name, content in fresh.items() if len(content) >= LARGE]
        for name, _ in large:
            del fresh[name]
        group.blobs += large
        contents = packed(fresh)
        seq = held.seq
        held.head = sealed(held.head, held.run, seq, body, contents)
        held.seq += len(records)
        held.pages += 1
        held.records = None
        group.pages.append((held.key, seq, len(records), held.head, body, contents))
        if type(records[-1].event) is Closed:
            group.ends.append((held.pages, held.head, held.key, held.epoch))

    def _flush(self) -> None:
        """Commit the group that was gathered: here, or in the writer thread."""
        group, self._group = self._group, None
        if group is None or self._busy is not None:
            self._group = group
            return
        if self._thread is None:
            group.settle(self._commit(group))
            return
        loop = asyncio.get_running_loop()
        self._busy = loop.create_future()
        work = loop.run_in_executor(self._thread, self._commit, group)
        work.add_done_callback(lambda done: self._flushed_in_thread(group, done.result()))

    def _commit(self, group: Group) -> StoreError | None:
        """Commit a group; what went wrong goes to everybody who waits for it."""
        try:
            self._committer.commit(group, self._epochs)
        except (sqlite3.Error, OSError) as error:
            return _said(error, self.path)
        return None

    def _epochs(self) -> dict[int, int]:
        """The runs that this process writes; the copy is made at once, the loop may go on beside."""
        return {held.key: held.epoch for held in list(self._held.values())}

    def _flushed_in_thread(self, group: Group, error: StoreError | None) -> None:
        busy, self._busy = self._busy, None
        group.settle(error)
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

    def _read(self, key: int, reader: Reader) -> list[Record]:
        records: list[Record] = []
        rows = self._db.execute("select seq, body, contents from pages where run = ? order by seq", (key,))
        for seq, body, contents in rows:
            if seq != len(records):
                raise Corrupt(f"events {len(records)} to {seq - 1} are missing from {str(self.path)!r}")
            records += reader.page(seq, body, contents)
        return records

    def _blob(self, name: bytes) -> bytes | None:
        row = self._db.execute("select body from blobs where name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _verify(self, run: str, key: int, pages: int | None, head: bytes | None) -> list[str]:
        problems: list[str] = []
        expected, seq, count = b"", 0, 0
        query = "select seq, count, hash, body, contents from pages where run = ? order by seq"
        for at, many, hash_, body, contents in self._db.execute(query, (key,)):
            if at != seq:
                problems.append(f"run {run!r}: events {seq} to {at - 1} are missing")
            expected = sealed(expected, run, at, body, contents)
            if expected != hash_:
                problems.append(f"run {run!r}: events {at} to {at + many - 1} are not what was written")
                expected = hash_
            seq, count = at + many, count + 1
        if not count and not pages:
            return [f"no run {run!r}"]  # claimed once, and never begun
        if pages is not None and count < pages:
            problems.append(f"run {run!r}: {pages - count} pages are missing at the end")
        return problems + self._unreadable(run, key)

    def _unreadable(self, run: str, key: int) -> list[str]:
        try:
            self._read(key, Reader(self._checked_blob))
        except Corrupt as error:
            return [f"run {run!r}: {error.message}"]
        return []

    def _checked_blob(self, name: bytes) -> bytes | None:
        body = self._blob(name)
        return body if body is not None and digest(body) == name else None

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
            now = time.time()
            if now - self._renewed > self._lease / 3:
                self._renewed = now
                rows = [(now + self._lease, held.key, held.epoch) for held in self._held.values()]
                with transaction(self._db):
                    self._db.executemany("update runs set expires = ? where id = ? and epoch = ?", rows)
            self._hear_signals(list(self._held.values()))
        self._keep_beating()

    def _hear_signals(self, held: Iterable[_Held]) -> None:
        by_run = {one.run: one for one in held if one.hear is not None}
        rows = self._db.execute("select id, run, body from signals order by id").fetchall()
        for key, run, body in rows:
            if run in by_run:
                self._db.execute("delete from signals where id = ?", (key,))
                hear = by_run[run].hear
                if hear is not None:
                    hear(Signalled(*msgspec.msgpack.decode(body)))


_GIVE_BACK = "update runs set holder = '', expires = 0 where id = ? and epoch = ?"


def _said(error: sqlite3.Error | OSError, path: Path) -> StoreError:
    """What went wrong, as an error that says which file."""
    try:
        with told(path):
            raise error
    except StoreError as said:
        return said


def _fenced(lease: Lease) -> Fenced:
    return Fenced(f"run {lease.run!r} was taken over: epoch {lease.epoch} is not the newest")


def _seen(name: str, records: list[Record], whose: str) -> Overview:
    """One run at a glance; one that says it is running and that nobody holds was interrupted."""
    seen = overview(name, records)
    if seen.status == "running" and (not whose or dead(whose)):
        return msgspec.structs.replace(seen, status="interrupted")
    return seen
