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
   another machine after `lease` seconds by the server's clock.
5. What other processes have to say to a run is rows, and a notification wakes its writer.
6. A connection that is lost is opened again, and the commit that was under way is tried again: what it wrote
   already has our epoch, so writing it twice changes nothing.
7. A store is one tenant's: every row it reads or writes is its own. It belongs to the event loop that uses it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import psycopg

from coterie.errors import BadInput, Busy, Fenced, StoreError, StoreUnavailable
from coterie.kernel.story import ENDED
from coterie.ports import DUE, HANDED, Hear, Lease
from coterie.stores.commit import Commit
from coterie.stores.days import PostgresTally
from coterie.stores.held import Held, overview_of
from coterie.stores.holder import dead, holder
from coterie.stores.links import Connection, Links, unavailable
from coterie.stores.pruning_rows import RowPruner
from coterie.stores.rows import PUTS, Listing, Rows, fetched, put
from coterie.stores.tables import CLAIM, COMMIT, DUE_NOW, RELEASE, SIGNAL, WAKE
from coterie.wire.export import Kept
from coterie.wire.journal import Reader
from coterie.wire.redaction import taken
from coterie.words.digest import encode
from coterie.words.event import Record, Signalled
from coterie.words.pruned import Pruned
from coterie.words.result import Overview
from coterie.words.which import ALL, Which

LEASE = 30.0
"""Seconds for which a lease is good unless it is renewed."""
AGAIN = 0.25
"""Seconds after which a server that was lost is looked for again."""


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
        self._lease = lease
        self.tally = PostgresTally(url, tenant)
        self._held: dict[str, Held] = {}
        self._group: Commit | None = None
        self._links = Links(url, "on" if durability == "full" else "off")
        self._tasks: list[asyncio.Task[None]] = []
        self._writing: asyncio.Task[None] | None = None

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        if run in self._held:
            raise Busy(f"run {run!r} is being worked on in this process")
        async with self._told() as db:
            held = await self._take(db, run, hear)
            if held.epoch > 1:
                await self._learn(db, held)
        self._held[run] = held
        if hear is not None and held.epoch > 1:
            await self._hear(held)
        return Lease(run, held.epoch)

    async def release(self, lease: Lease, /, wake: float | None = None) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            return
        await self._flushed()
        self._held.pop(lease.run, None)
        freed = (held.pages, held.head, held.ended, wake, held.key, held.epoch)
        seen = overview_of(held)
        async with self._told() as db:
            if seen is None:
                await db.execute(f"{RELEASE} select", freed)
            else:
                await db.execute(f"{RELEASE} {PUTS}", (*freed, *put(held.key, held.epoch, seen)))

    async def append(self, lease: Lease, records: Sequence[Record], /) -> None:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            raise _fenced(lease)
        if not records:
            return
        if records[0].seq != held.seq:
            raise StoreError(f"run {lease.run!r} has {held.seq} events; {records[0].seq} cannot come next")
        group = self._group
        if group is None:
            group = self._group = Commit()
        group.pages.append(held.add(records, group.blobs))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        if held.key not in await group.done:
            self._held.pop(lease.run, None)
            raise _fenced(lease)

    async def read(self, run: str, /) -> list[Record]:
        held = self._held.get(run)
        if held is not None and held.records is not None:
            records, held.records = held.records, None
            return records
        await self._flushed()
        async with self._told() as db:
            key = await Rows(db, self.tenant).key(run)
            return [] if key is None else await Rows(db, self.tenant).records(key)

    async def signal(self, run: str, signal: Signalled, /) -> None:
        body = encode([signal.kind, signal.about, signal.value])
        said = {"body": body, "about": f"{self.tenant}/{run}"}
        async with self._told() as db:
            await db.execute(SIGNAL, {**self._waking(run, 0.0), **said})

    async def wake(self, run: str, /, at: float = 0.0) -> None:
        async with self._told() as db:
            await db.execute(WAKE, self._waking(run, at))

    def _waking(self, run: str, at: float) -> dict[str, object]:
        return {"tenant": self.tenant, "run": run, "at": at, "ended": list(ENDED)}

    async def due(self, now: float, /) -> list[str]:
        return [run for _, run in await self._due(now, self.tenant)]

    async def all_due(self, now: float, /) -> list[tuple[str, str]]:
        """As `due`, of all tenants: each with whose it is. For those who perform runs of all of them."""
        return await self._due(now, "")

    async def _due(self, now: float, tenant: str) -> list[tuple[str, str]]:
        asked = {"now": now, "again": now + HANDED, "most": DUE, "tenant": tenant}
        async with self._told() as db:
            cursor = await db.execute(DUE_NOW, asked)
            return [(whose, name) for whose, name in await cursor.fetchall()]

    async def runs(self, which: Which = ALL, /) -> list[Overview]:
        await self._flushed()
        async with self._told() as db:
            return await Listing(db, self.tenant).page(which)

    async def verify(self, run: str, /) -> list[str]:
        """What is wrong with a journal, a line each; empty for one that is what was written.

        Finds every changed, dropped or reordered event. Of a run that was not given back, dropping its newest
        events looks like having stopped earlier.
        """
        await self._flushed()
        async with self._told() as db:
            return await Rows(db, self.tenant).problems(run)

    async def kept(self, run: str, /) -> Kept:
        """What is kept of a run, for `wire.export`; no pages for an unknown one.

        Raises:
            Corrupt: if it is not what was written.
        """
        await self._flushed()
        async with self._told() as db:
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
        await self._flushed()
        async with self._pruner() as pruner:
            gone = await pruner.prune(mine, at=at, by=by, why=why)
        for held in mine:
            self._held.pop(held.run, None)
        return gone

    async def pruned(self) -> list[Pruned]:
        async with self._told() as db:
            return await RowPruner(db, self.tenant).pruned()

    def _mine(self, lease: Lease) -> Held:
        held = self._held.get(lease.run)
        if held is None or held.epoch != lease.epoch:
            raise _fenced(lease)
        return held

    async def adopt(self, run: str, kept: Kept, /) -> None:
        """Keep a run as another store has kept it; nobody holds it then.

        Raises:
            Busy: if there is a run of that name.
        """
        async with self._told(), await psycopg.AsyncConnection.connect(self.url) as db:
            await Rows(db, self.tenant).adopt(run, kept)

    async def said(self, run: str, /) -> list[Signalled]:
        """What waits for whoever claims a run."""
        async with self._told() as db:
            cursor = await db.execute(
                "select body from signals where tenant = %s and run = %s order by id",
                (self.tenant, run),
                binary=True,
            )
            return [Signalled(*msgspec.msgpack.decode(body)) for (body,) in await cursor.fetchall()]

    async def close(self) -> None:
        await self._flushed()
        for held in list(self._held.values()):
            await self.release(Lease(held.run, held.epoch))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tally.close()
        await self._links.close()

    # Connections

    @asynccontextmanager
    async def _told(self) -> AsyncGenerator[Connection, None]:
        """The connection for all but appends.

        Raises:
            StoreUnavailable: for whatever the server or the network raises.
        """
        async with self._links.told() as db:
            if not self._tasks:
                loop = asyncio.get_running_loop()
                self._tasks = [loop.create_task(self._renew()), loop.create_task(self._listen())]
            yield db

    @asynccontextmanager
    async def _pruner(self) -> AsyncGenerator[RowPruner, None]:
        """Over a connection of its own, for transactions that are nobody else's."""
        async with self._told(), await psycopg.AsyncConnection.connect(self.url, autocommit=True) as db:
            yield RowPruner(db, self.tenant)

    # Claims

    async def _take(self, db: Connection, run: str, hear: Hear | None) -> Held:
        """Write down that this process holds `run`.

        Raises:
            Busy: if another living process holds it.
        """
        gone = ""
        while True:
            given = {"tenant": self.tenant, "run": run, "us": holder(), "lease": self._lease, "gone": gone}
            row = await (await db.execute(CLAIM, given)).fetchone()
            if row is not None:
                return Held(run, row[0], row[1], hear)
            known = await db.execute(
                "select holder, extract(epoch from expires - now())::float8 from runs where tenant = %s and name = %s",
                (self.tenant, run),
            )
            whose, left = await known.fetchone() or ("", 0.0)
            if whose and not dead(whose):
                raise Busy(f"run {run!r} is held by {whose} for {left:.0f} s more; wait, or cancel it there")
            gone = whose

    async def _learn(self, db: Connection, held: Held) -> None:
        """Read what is in the journal of a run, so that it can be gone on with."""
        reader = Reader(fetched)
        rows = Rows(db, self.tenant)
        pages = await rows.pages(held.key)
        held.records = await rows.records(held.key, reader, pages)
        held.first = held.records[0] if held.records else None
        held.seq, held.pages = len(held.records), len(pages)
        held.head = pages[-1].hash if pages else b""
        held.writer.contents.update(reader.contents)
        held.writer.links = reader.links

    async def _renew(self) -> None:
        """Keep what is held; where the server is lost, it is tried again soon."""
        pause = self._lease / 3
        while True:
            await asyncio.sleep(pause)
            pause = self._lease / 3
            try:
                await self._keep(list(self._held.values()))
            except StoreUnavailable:
                pause = AGAIN

    async def _keep(self, held: Sequence[Held]) -> None:
        if held:
            async with self._told() as db:
                await db.execute(
                    "update runs set expires = now() + make_interval(secs => %s) from unnest(%s::bigint[], "
                    "%s::bigint[]) as h (id, epoch) where runs.id = h.id and runs.epoch = h.epoch",
                    (self._lease, [one.key for one in held], [one.epoch for one in held]),
                )

    # Commits

    async def _write(self) -> None:
        """Commit group after group, until nothing more has come meanwhile."""
        try:
            await asyncio.sleep(0)  # whoever else has something to write has a turn
            while (group := self._group) is not None:
                self._group = None
                try:
                    group.done.set_result(await self._written(group))
                except (psycopg.Error, StoreError) as error:
                    said = error if isinstance(error, StoreError) else unavailable(error)
                    group.done.set_exception(said)
        finally:
            self._writing = None

    async def _written(self, group: Commit) -> set[int]:
        """Write a group; the runs whose lease was held.

        A server that is lost meanwhile is looked for again, for half as long as a lease is good.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._lease / 2
        while True:
            try:
                return await self._committed(group)
            except (psycopg.OperationalError, StoreUnavailable):
                if not self._links.lost or loop.time() > until:
                    raise
            await asyncio.sleep(AGAIN)

    async def _committed(self, group: Commit) -> set[int]:
        async with self._told():
            pen = self._links.pen
        cursor = await pen.execute(COMMIT, group.values(self.tenant), binary=True)
        return {key for (key,) in await cursor.fetchall()}

    async def _flushed(self) -> None:
        """Wait until everything that was appended is written."""
        while self._writing is not None:
            await asyncio.shield(self._writing)

    # What others say

    async def _listen(self) -> None:
        """Hear what is said to the runs that this process holds, and after a break what was said meanwhile."""
        while True:
            with contextlib.suppress(psycopg.Error, StoreError):
                async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as listener:
                    await listener.execute("listen coterie")
                    for held in list(self._held.values()):
                        await self._hear(held)
                    async for notice in listener.notifies():
                        await self._noticed(notice.payload)
            await asyncio.sleep(AGAIN)

    async def _noticed(self, payload: str) -> None:
        tenant, _, run = payload.partition("/")
        held = self._held.get(run)
        if tenant == self.tenant and held is not None and held.hear is not None:
            await self._hear(held)

    async def _hear(self, held: Held) -> None:
        async with self._told() as db:
            cursor = await db.execute(
                "with said as (delete from signals where tenant = %s and run = %s returning id, body) "
                "select body from said order by id",
                (self.tenant, held.run),
                binary=True,
            )
            for (body,) in await cursor.fetchall():
                said = Signalled(*msgspec.msgpack.decode(body))
                if held.hear is not None and self._held.get(held.run) is held:
                    held.hear(said)
                else:  # it was given back meanwhile: whoever claims it next hears it
                    await self.signal(held.run, said)


def _fenced(lease: Lease) -> Fenced:
    return Fenced(f"run {lease.run!r} was taken over: epoch {lease.epoch} is not the newest")
