"""Journals in PostgreSQL: the shared record of a cluster.

Theory of operation
===================

1. What the runs of one process append while the last commit is under way is the next one: a single statement, over
   one connection, that writes the pages of every run whose lease is still held and says which those are.
2. An append that has returned survives the death of the process and of the server (`synchronous_commit`, unless
   `durability` is `relaxed`: then a crash of the server may take the last half second).
3. One writer a run: a claim raises the run's epoch, which waits for commits under way; each commit holds the rows of
   its runs while it looks at their epochs. What a stale writer brings is not written, and it is told so.
4. A lease is renewed while its process lives. That of a dead process on this machine is free at once, that of
   another machine after `lease` seconds by the server's clock. What the server said counts for as long from when it
   was asked: after that it is asked once more, so that an answer that comes late has nothing done that another does.
5. What other processes have to say to a run is rows, and a notification wakes its writer. A row goes in the commit
   that journals what it says, if the lease is held then; so it has its effect once, whoever dies in between.
6. A connection that is lost is opened again, and the commit that was under way is tried again: what it wrote
   already has our epoch, so writing it twice changes nothing.
7. A store is one tenant's: every row it reads or writes is its own. It belongs to the event loop that uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Literal

import psycopg

from coterie.errors import BadInput, Busy, Fenced, StoreError
from coterie.ports import Hear, Lease
from coterie.stores.commit import Commits
from coterie.stores.days import PostgresTally
from coterie.stores.held import Held
from coterie.stores.links import Connection, Links
from coterie.stores.pgleases import Leases
from coterie.stores.pgsignals import Signals
from coterie.stores.pgtold import PostgresGroups
from coterie.stores.pruning_rows import RowPruner
from coterie.stores.rows import Listing, Rows, RowsGrowth, fetched
from coterie.wire.export import Kept
from coterie.wire.journal import Reader
from coterie.wire.redaction import taken
from coterie.words.event import Record, Signalled
from coterie.words.pruned import Pruned
from coterie.words.result import Overview
from coterie.words.which import ALL, Which

LEASE = 30.0
"""Seconds for which a lease is good unless it is renewed."""


class PostgresStore:
    """Journals of one tenant in a PostgreSQL database (this module says what it promises)."""

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "default",
        durability: Literal["full", "relaxed"] = "full",
        lease: float = LEASE,
    ) -> None:
        if durability not in ("full", "relaxed"):
            raise BadInput(f"durability is 'full' or 'relaxed' on PostgreSQL, not {durability!r}")
        self.url = url
        self.tenant = tenant
        self.tally = PostgresTally(url, tenant)
        self._held: dict[str, Held] = {}
        self._links = Links(url, "on" if durability == "full" else "off")
        self._leases = Leases(self._links, tenant, lease)
        self._commits = Commits(self._links, tenant, patience=lease / 2)
        self._signals = Signals(self._links, tenant, self._held)
        self._tasks: list[asyncio.Task[None]] = []

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        if run in self._held:
            raise Busy(f"run {run!r} is being worked on in this process")
        async with self._links.told() as db:
            held = await self._leases.take(db, run, hear)
            if held.epoch > 1:
                await self._learn(db, held)
        self._held[run] = held
        self._attend()
        if hear is not None:
            await self._heard(held)
        lease = Lease(run, held.epoch)
        await self._sure(lease, held)
        return lease

    async def _heard(self, held: Held) -> None:
        """Hand over what was said to a run that was just claimed; without that, it is not claimed."""
        try:
            await self._signals.hear(held)
        except StoreError:
            del self._held[held.run]  # its lease ends by itself
            raise

    async def release(self, lease: Lease, /, wake: float | None = None) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            return
        if held.written[1] != held.pages:  # who appended did not wait
            await self._commits.flushed()
        self._held.pop(lease.run, None)
        await self._leases.give_back(held, wake)

    async def append(self, lease: Lease, records: Sequence[Record], /, heard: Sequence[int] = ()) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            raise _fenced(lease)
        if not records:
            return
        if records[0].seq != held.seq:
            raise StoreError(f"run {lease.run!r} has {held.seq} events; {records[0].seq} cannot come next")
        if not await self._commits.add(held, records, heard):
            self._held.pop(lease.run, None)
            raise _fenced(lease)
        await self._sure(lease, held)

    async def _sure(self, lease: Lease, held: Held) -> None:
        """See that a run is held now, before anything is done for it.

        Raises:
            Fenced: if another has it.
        """
        if not await self._leases.sure(held):
            self._held.pop(lease.run, None)
            raise _fenced(lease)

    async def read(self, run: str, /) -> list[Record]:
        held = self._held.get(run)
        if held is not None and held.records is not None:
            records, held.records = held.records, None
            return records
        await self._commits.flushed()
        async with self._links.told() as db:
            key = await Rows(db, self.tenant).key(run)
            return [] if key is None else await Rows(db, self.tenant).records(key)

    def growth(self, run: str, /) -> RowsGrowth:
        """The journal of a run as it grows, whoever writes it."""
        return RowsGrowth(self._looking, self.tenant, run)

    @asynccontextmanager
    async def _looking(self) -> AsyncGenerator[Connection]:
        """The connection to read by, when what was appended here is written."""
        await self._commits.flushed()
        async with self._links.told() as db:
            yield db

    async def signal(self, run: str, signal: Signalled, /) -> None:
        await self._signals.say(run, signal)

    async def wake(self, run: str, /, at: float = 0.0) -> None:
        await self._leases.wake(run, at)

    async def due(self, now: float, /) -> list[str]:
        return [run for _, run in await self._leases.due(now, self.tenant)]

    async def all_due(self, now: float, /) -> list[tuple[str, str]]:
        """As `due`, of all tenants: each with whose it is. For those who perform runs of all of them."""
        return await self._leases.due(now, "")

    async def runs(self, which: Which = ALL, /) -> list[Overview]:
        await self._commits.flushed()
        async with self._links.told() as db:
            return await Listing(db, self.tenant).page(which)

    async def verify(self, run: str, /) -> list[str]:
        """What is wrong with a journal, a line each; empty for one that is what was written.

        Finds every changed, dropped or reordered event. Of a run that was not given back, dropping its newest
        events looks like having stopped earlier.
        """
        await self._commits.flushed()
        async with self._links.told() as db:
            return await Rows(db, self.tenant).problems(run)

    async def kept(self, run: str, /) -> Kept:
        """What is kept of a run, for `wire.export`; no pages for an unknown one.

        Raises:
            Corrupt: if it is not what was written.
        """
        await self._commits.flushed()
        async with self._links.told() as db:
            key = await Rows(db, self.tenant).key(run)
            return Kept((), {}) if key is None else await Rows(db, self.tenant).kept(key)

    async def redact(
        self, lease: Lease, events: Collection[int], by: str, why: str, at: float, /
    ) -> Signalled:
        held, whole = self._mine(lease), await self.kept(lease.run)
        found = taken(whole.pages, events, whole.contents.get)
        said = found.said(by, why)
        await self.append(lease, [Record(held.seq, at, said)])
        async with self._pruner() as pruner:
            await pruner.redact(held, found)
        return said

    async def prune(self, leases: Sequence[Lease], by: str, why: str, at: float, /) -> list[Pruned]:
        mine = [self._mine(lease) for lease in leases]
        await self._commits.flushed()
        async with self._pruner() as pruner:
            gone = await pruner.prune(mine, at=at, by=by, why=why)
        for held in mine:
            self._held.pop(held.run, None)
        return gone

    async def pruned(self) -> list[Pruned]:
        async with self._links.told() as db:
            return await RowPruner(db, self.tenant).pruned()

    def _mine(self, lease: Lease) -> Held:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            raise _fenced(lease)
        return held

    @cached_property
    def groups(self) -> PostgresGroups:
        """What groups of runs are told, where no engine carries it."""
        return PostgresGroups(self._links, self.tenant)

    async def adopt(self, run: str, kept: Kept, /) -> None:
        """Keep a run as another store has kept it; nobody holds it then.

        Raises:
            Busy: if there is a run of that name.
        """
        async with self._links.told(), await psycopg.AsyncConnection.connect(self.url) as db:
            await Rows(db, self.tenant).adopt(run, kept)

    async def said(self, run: str, /) -> list[Signalled]:
        """What waits for whoever claims a run."""
        return await self._signals.waiting(run)

    async def close(self) -> None:
        await self._commits.flushed()
        for held in list(self._held.values()):
            await self.release(Lease(held.run, held.epoch))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tally.close()
        await self._links.close()

    def _attend(self) -> None:
        """Have leases renewed and signals heard, from the first claim on."""
        if not self._tasks:
            loop = asyncio.get_running_loop()
            renewing = self._leases.renew(lambda: list(self._held.values()))
            self._tasks = [loop.create_task(renewing), loop.create_task(self._signals.listen())]

    @asynccontextmanager
    async def _pruner(self) -> AsyncGenerator[RowPruner, None]:
        """Over a connection of its own, for transactions that are nobody else's."""
        async with self._links.told(), await psycopg.AsyncConnection.connect(self.url, autocommit=True) as db:
            yield RowPruner(db, self.tenant)

    async def _learn(self, db: Connection, held: Held) -> None:
        """Read what is in the journal of a run, so that it can be gone on with."""
        reader = Reader(fetched)
        rows = Rows(db, self.tenant)
        pages = await rows.pages(held.key)
        held.records = await rows.records(held.key, reader, pages)
        held.first = held.records[0] if held.records else None
        held.seq, held.pages = len(held.records), len(pages)
        held.head = pages[-1].hash if pages else b""
        held.written = (0, held.pages, held.head)
        held.writer.contents.update(reader.contents)
        held.writer.links = reader.links


def _fenced(lease: Lease) -> Fenced:
    return Fenced(f"run {lease.run!r} was taken over: epoch {lease.epoch} is not the newest")
