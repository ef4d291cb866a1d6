"""Leases: who may write a run, in the rows of a PostgreSQL store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from coterie.errors import Busy, StoreUnavailable
from coterie.kernel.story import ENDED
from coterie.ports import DUE, HANDED, Hear
from coterie.stores.held import Held, overview_of
from coterie.stores.holder import dead, holder
from coterie.stores.links import AGAIN, Connection, Links
from coterie.stores.renewals import renewals
from coterie.stores.rows import PUTS, put
from coterie.stores.statements import CLAIM, DUE_NOW, KEEP, RELEASE, WAKE, WHOSE


class Leases:
    """The leases of one process on runs of one tenant; each is good for `seconds` unless it is renewed."""

    def __init__(self, links: Links, tenant: str, seconds: float) -> None:
        self._links = links
        self._tenant = tenant
        self._seconds = seconds

    async def take(self, db: Connection, run: str, hear: Hear | None) -> Held:
        """Write down that this process holds `run`.

        Raises:
            Busy: if another living process holds it.
        """
        gone, loop = "", asyncio.get_running_loop()
        while True:
            asked = loop.time()
            given = {"tenant": self._tenant, "run": run, "us": holder(), "lease": self._seconds, "gone": gone}
            row = await (await db.execute(CLAIM, given)).fetchone()
            if row is not None:
                held = Held(run, row[0], row[1], hear)
                held.until = asked + self._seconds
                return held
            known = await db.execute(WHOSE, (self._tenant, run))
            whose, left = await known.fetchone() or ("", 0.0)
            if whose and not dead(whose):
                raise Busy(f"run {run!r} is held by {whose} for {left:.0f} s more; wait, or cancel it there")
            gone = whose

    async def give_back(self, held: Held, wake: float | None) -> None:
        """Let anybody have the run at once; it is due at `wake`, or sooner if somebody said so.

        A server that is lost meanwhile is looked for again, for half a lease.

        Raises:
            StoreUnavailable: if it was lost for too long.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._seconds / 2
        while True:
            try:
                return await self._given_back(held, wake)
            except StoreUnavailable:
                if not self._links.lost or loop.time() > until:
                    raise
            await asyncio.sleep(AGAIN)

    async def _given_back(self, held: Held, wake: float | None) -> None:
        freed = (held.pages, held.head, held.ended, wake, held.key, held.epoch)
        seen = overview_of(held)
        async with self._links.told() as db:
            if seen is None:
                await db.execute(f"{RELEASE} select", freed)
            else:
                await db.execute(f"{RELEASE} {PUTS}", (*freed, *put(held.key, held.epoch, seen)))

    async def wake(self, run: str, at: float) -> None:
        """Have a run that has not ended be due at a time, if not sooner."""
        async with self._links.told() as db:
            await db.execute(WAKE, waking(self._tenant, run, at))

    async def due(self, now: float, tenant: str) -> list[tuple[str, str]]:
        """The runs of a tenant (of all, if it is empty) whose time has come, each with whose it is."""
        asked = {"now": now, "again": now + HANDED, "most": DUE, "tenant": tenant}
        async with self._links.told() as db:
            cursor = await db.execute(DUE_NOW, asked)
            return [(whose, name) for whose, name in await cursor.fetchall()]

    async def renew(self, held: Callable[[], Collection[Held]]) -> None:
        """Keep what is held, for ever; where the server is lost, it is tried again soon."""
        pause = self._seconds / 3
        while True:
            await asyncio.sleep(pause)
            pause = self._seconds / 3
            try:
                await self._keep(held())
            except StoreUnavailable:
                pause = AGAIN

    async def sure(self, held: Held) -> bool:
        """Whether a run is held, and not only was when the server said so: an answer may come late.

        Raises:
            StoreUnavailable: if nobody can be asked.
        """
        while asyncio.get_running_loop().time() > held.until:
            if not await self._keep([held]):
                return False
        return True

    async def _keep(self, held: Collection[Held]) -> int:
        """Renew leases; how many of them are held."""
        if not held:
            return 0
        asked = asyncio.get_running_loop().time()
        ours = self._seconds, [one.key for one in held], [one.epoch for one in held]
        async with self._links.told() as db:
            kept = {key for (key,) in await (await db.execute(KEEP, ours)).fetchall()}
        for one in held:
            if one.key in kept:
                one.until = asked + self._seconds
        renewals.add(len(kept))
        return len(kept)


def waking(tenant: str, run: str, at: float) -> dict[str, object]:
    """What the statement `WAKE` is told."""
    return {"tenant": tenant, "run": run, "at": at, "ended": list(ENDED)}
