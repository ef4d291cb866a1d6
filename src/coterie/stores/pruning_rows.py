"""Letting go of runs, and of what was said in them, in a PostgreSQL store.

It is done in one transaction, over a connection of its own. Only where a content of those that are kept once for all
runs might go, commits wait for its end; what is mentioned by then is looked for before, and in what was written since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import TupleRow

from coterie.errors import Fenced
from coterie.kernel.story import overview
from coterie.stores.held import Held
from coterie.stores.pruning import let_go
from coterie.stores.rows import Rows
from coterie.wire.pack import Page, mentioned
from coterie.wire.redaction import Taken
from coterie.words.pruned import Pruned

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Pruned).decode
FENCE = """
select r.id from runs r join unnest(%s::bigint[], %s::bigint[]) as h (id, epoch) on r.id = h.id and r.epoch = h.epoch
for update of r
"""
REWRITE = """
update pages set body = p.body, contents = p.contents
from unnest(%b::int[], %b::bytea[], %b::bytea[]) as p (seq, body, contents)
where pages.run = %b and pages.seq = p.seq
"""
LIVE = """
select n.name from unnest(%(names)b::bytea[]) as n (name) where exists (
    select 1 from pages p join runs r on r.id = p.run
    where r.tenant = %(tenant)s and r.id <> all(%(but)s::bigint[]) and age(p.xmin) <= age(%(since)s::text::xid)
    and (position(n.name in p.body) > 0 or position(n.name in p.contents) > 0)
) or exists (
    select 1 from blobs b where b.tenant = %(tenant)s and b.name <> all(%(names)b::bytea[])
    and position(n.name in b.body) > 0
)
"""
"""Those of some names that other runs mention in pages written since a transaction, or other contents do."""
FIRST = "3"
"""The first number that a transaction can have: since then is always."""


class RowPruner:
    """Takes out of a tenant's rows what its runs do not need any more, each time in one transaction."""

    def __init__(self, db: psycopg.AsyncConnection[TupleRow], tenant: str) -> None:
        self._db = db
        self._tenant = tenant

    async def redact(self, held: Held, taken: Taken) -> None:
        """Have the pages of a run be those that a redaction has left.

        Raises:
            Fenced: if somebody else has claimed it since.
        """
        since, once = await self._now(), await self._kept_once(taken.names)
        live = await self._live(once, [held.key])
        async with self._db.transaction():
            await self._fence([held])
            await self._rewrite(held, taken.pages)
            await self._free(once, live, [held.key], since)

    async def prune(self, held: Sequence[Held], *, at: float, by: str, why: str) -> list[Pruned]:
        """Let go of runs; what is left of them.

        Raises:
            Fenced: if somebody else has claimed one since.
        """
        rows, gone, names = Rows(self._db, self._tenant), list[Pruned](), set[bytes]()
        for one in held:
            if pages := await rows.pages(one.key):
                seen = overview(one.run, await rows.records(one.key, pages=pages))
                gone.append(let_go(seen, pages[-1].hash.hex(), at=at, by=by, why=why))
                names.update(*(mentioned(page.body + page.contents) for page in pages))
        keys = [one.key for one in held]
        since, once = await self._now(), await self._kept_once(names)
        live = await self._live(once, keys)
        async with self._db.transaction():
            await self._fence(held)
            await self._drop(held, gone)
            await self._free(once, live, keys, since)
        return gone

    async def _fence(self, held: Sequence[Held]) -> None:
        """Have nobody else claim these runs until the end of the transaction.

        Raises:
            Fenced: if somebody else has claimed one since.
        """
        ours = [one.key for one in held], [one.epoch for one in held]
        found = {key for (key,) in await (await self._db.execute(FENCE, ours)).fetchall()}
        for one in held:
            if one.key not in found:
                raise Fenced(f"run {one.run!r} was taken over: epoch {one.epoch} is not the newest")

    async def _rewrite(self, held: Held, pages: Sequence[Page]) -> None:
        """Have some pages of a run be these."""
        columns = (
            [page.seq for page in pages],
            [page.body for page in pages],
            [page.contents for page in pages],
        )
        await self._db.execute(REWRITE, (*columns, held.key))
        await self._db.execute(
            "delete from overviews where run = %s", (held.key,)
        )  # it says what the task was

    async def _drop(self, held: Sequence[Held], gone: Sequence[Pruned]) -> None:
        """Let go of runs; `gone` is what is left of them."""
        keys, names = [one.key for one in held], [one.run for one in held]
        await self._db.execute("delete from runs where id = any(%s)", (keys,))
        await self._db.execute(
            "delete from signals where tenant = %s and run = any(%s)", (self._tenant, names)
        )
        left = {one.run: one for one in gone}
        rows = [
            (one.key, self._tenant, left[one.run].at, _encode(left[one.run]))
            for one in held
            if one.run in left
        ]
        async with self._db.cursor() as cursor:
            await cursor.executemany(
                "insert into pruned (run, tenant, at, body) values (%s, %s, %s, %s)", rows
            )

    async def pruned(self) -> list[Pruned]:
        """What is left of runs that were let go of, the newest first."""
        query = "select body from pruned where tenant = %s order by at desc, run desc"
        return [_decode(body) for (body,) in await self._rows(query, (self._tenant,))]

    async def _kept_once(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those of the names, and of what they mention, that are contents kept once for all runs."""
        found: dict[bytes, bytes] = {}
        sought = set(names)
        while sought:
            query = "select name, body from blobs where tenant = %s and name = any(%b::bytea[])"
            rows = {
                bytes(name): bytes(body)
                for name, body in await self._rows(query, (self._tenant, list(sought)))
            }
            found |= rows
            sought = set[bytes]().union(*map(mentioned, rows.values())) - found.keys()
        return found

    async def _live(self, names: Iterable[bytes], but: Sequence[int], since: str = FIRST) -> set[bytes]:
        """Those of the names that others mention, but for the runs `but`."""
        given = {"names": list(names), "tenant": self._tenant, "but": list(but), "since": since}
        return {bytes(name) for (name,) in await self._rows(LIVE, given)}

    async def _free(self, once: dict[bytes, bytes], live: set[bytes], but: Sequence[int], since: str) -> None:
        """Drop those of some contents that nobody mentions; `live` are those that others did up to `since`."""
        if not once:
            return
        await self._db.execute("lock table blobs in share row exclusive mode")
        live = live | await self._live(once, but, since)
        at_hand = list(live)
        while at_hand:
            more = (mentioned(once[at_hand.pop()]) & once.keys()) - live
            live |= more
            at_hand += more
        query = "delete from blobs where tenant = %s and name = any(%b::bytea[])"
        await self._db.execute(query, (self._tenant, list(once.keys() - live)))

    async def _now(self) -> str:
        """The oldest transaction that is under way: what is not seen now is of it, or of a later one."""
        [(since,)] = await self._rows("select pg_snapshot_xmin(pg_current_snapshot())::xid::text", ())
        return str(since)

    async def _rows(self, query: LiteralString, given: Any) -> list[TupleRow]:
        return await (await self._db.execute(query, given, binary=True)).fetchall()
