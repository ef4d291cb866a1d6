"""The worker: performs the runs that an engine gives it.

Theory of operation
===================

1. Whatever an engine gives, the store decides: who finds that the run has ended, or that only people can move it, is
   done with it. Who cannot claim it, or may not now, leaves it to the store: it is due when whoever has it gives it
   back or dies, or when there may be room.
2. A run that was begun with other code than there is here is given back, for a worker that has it; so versions can
   work side by side while a new one is rolled out.
3. A run is kept while it is worked on, and let go when it ends or is parked.
4. Draining takes nothing more, and lets what is under way end, up to a time; then it is given back for others to go
   on with.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager

from coterie import __version__
from coterie.errors import Busy, CoterieError, Overloaded, StoreError, UnknownRun
from coterie.ports import Engine, Work
from coterie.shell.air import live_of
from coterie.shell.host import Host
from coterie.stores.holder import holder
from coterie.words.cluster import Hand
from coterie.words.which import Which

BEAT = 0.5
"""Seconds between two signs of life for what is worked on."""
UNFIT = 2.0
"""Seconds after which a run that was begun with other code is offered to others, who may have it."""
LATER = 1.0
"""Seconds after which what somebody else holds is looked at again."""


class Worker:
    """Performs runs for an engine, at most `concurrency` at once; `host_of` gives the host of a tenant.

    `per_tenant` and `per_team` are how many runs of one tenant, or of one team of a tenant, it performs at once.
    """

    def __init__(
        self,
        engine: Engine,
        host_of: Callable[[str], Host],
        *,
        concurrency: int = 100,
        has: Sequence[str] = (),
        beat: float = BEAT,
        per_tenant: int | None = None,
        per_team: int | None = None,
    ) -> None:
        self._engine = engine
        self._host_of = host_of
        self._room = asyncio.Semaphore(concurrency)
        self._has = tuple(has)
        self._beat = beat
        self._concurrency = concurrency
        self._most = (per_tenant, per_team)
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._under_way: set[asyncio.Task[None]] = set()
        self._since = time.time()
        self._draining = False
        self._airing: asyncio.Task[None] | None = None
        self.performed = 0

    def hand(self) -> Hand:
        """What it says of itself."""
        return Hand(
            worker=holder(),
            version=__version__,
            has=self._has,
            concurrency=self._concurrency,
            under_way=len(self._under_way),
            performed=self.performed,
            since=self._since,
            draining=self._draining,
        )

    async def work(self) -> None:
        """Take and perform runs until it is cancelled."""
        if (live := live_of(self._engine)) is not None:
            self._airing = asyncio.get_running_loop().create_task(live.attend(self._watched))
        await self._room.acquire()
        async for given in self._engine.work(self._has):
            task = asyncio.get_running_loop().create_task(self._perform(given))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            task.add_done_callback(lambda _: self._room.release())
            await self._room.acquire()

    async def _watched(self, tenant: str, run: str, fresh: bool) -> None:
        """Somebody watches a run, which may be performed here, now or soon."""
        if (airs := self._host_of(tenant).airs) is not None:
            await airs.wanted(run, fresh)

    async def drain(self, seconds: float) -> None:
        """Let what is under way end, for at most `seconds`; the rest is given back."""
        self._draining = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _perform(self, given: Work) -> None:
        beating = asyncio.get_running_loop().create_task(self._keep(given))
        host = self._host_of(given.tenant)
        try:
            async with self._room_for(given, host):
                fits = await host.perform(given.run)
        except (Busy, Overloaded):
            await self._left(given, host)
        except UnknownRun:
            await given.done()
        except StoreError:
            await given.again(LATER)
        except CoterieError:  # its team cannot be found here: another worker may have it
            await given.again(LATER)
        except asyncio.CancelledError:
            await given.again()
            raise
        else:
            if fits:
                self.performed += 1
                await given.done()
            else:
                await given.again(UNFIT)
        finally:
            beating.cancel()

    async def _left(self, given: Work, host: Host) -> None:
        """Leave a run to the store: it is due when nobody holds it any more, or after a while."""
        try:
            await host.store.wake(given.run, host.clock() + LATER)
        except StoreError:
            await given.again(LATER)
        else:
            await given.done()

    @asynccontextmanager
    async def _room_for(self, given: Work, host: Host) -> AsyncGenerator[None]:
        """Count a run for its tenant and its team.

        Raises:
            Overloaded: if as many of either are under way as may be.
        """
        keys = await self._counted(given, host)
        for key, most in keys.items():
            if self._counts[key] >= most:
                raise Overloaded(f"{most} runs of {key[-1]!r} are under way, as many as may be")
        self._counts.update(keys.keys())
        try:
            yield
        finally:
            self._counts.subtract(keys.keys())

    async def _counted(self, given: Work, host: Host) -> dict[tuple[str, ...], int]:
        """What a run counts for, and how many of each may be under way."""
        per_tenant, per_team = self._most
        keys: dict[tuple[str, ...], int] = {}
        if per_tenant is not None:
            keys["tenant", given.tenant] = per_tenant
        if per_team is not None:
            for seen in await host.runs(Which(id=given.run)):
                keys["team", given.tenant, seen.team] = per_team
        return keys

    async def _keep(self, given: Work) -> None:
        while True:
            await asyncio.sleep(self._beat)
            await given.beat()
