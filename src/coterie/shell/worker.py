"""The worker: performs the runs that an engine gives it.

Theory of operation
===================

1. Whatever an engine gives, the store decides: who cannot claim the run gives it back, and who finds that it has
   ended, or that only people can move it, is done with it.
2. A run that was begun with other code than there is here is given back, for a worker that has it; so versions can
   work side by side while a new one is rolled out.
3. A run is kept while it is worked on, and let go when it ends or is parked.
4. Draining takes nothing more, and lets what is under way end, up to a time; then it is given back for others to go
   on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from coterie.errors import Busy, CoterieError, Overloaded, StoreError, UnknownRun
from coterie.ports import Engine, Work
from coterie.shell.host import Host

BEAT = 0.5
"""Seconds between two signs of life for what is worked on."""
UNFIT = 2.0
"""Seconds after which a run that was begun with other code is offered to others, who may have it."""
LATER = 1.0
"""Seconds after which what somebody else holds is looked at again."""


class Worker:
    """Performs runs for an engine, at most `concurrency` at once; `host_of` gives the host of a tenant."""

    def __init__(
        self,
        engine: Engine,
        host_of: Callable[[str], Host],
        *,
        concurrency: int = 100,
        has: Sequence[str] = (),
        beat: float = BEAT,
    ) -> None:
        self._engine = engine
        self._host_of = host_of
        self._room = asyncio.Semaphore(concurrency)
        self._has = tuple(has)
        self._beat = beat
        self._under_way: set[asyncio.Task[None]] = set()
        self.performed = 0

    async def work(self) -> None:
        """Take and perform runs until it is cancelled."""
        await self._room.acquire()
        async for given in self._engine.work(self._has):
            task = asyncio.get_running_loop().create_task(self._perform(given))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            task.add_done_callback(lambda _: self._room.release())
            await self._room.acquire()

    async def drain(self, seconds: float) -> None:
        """Let what is under way end, for at most `seconds`; the rest is given back."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        left = list(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _perform(self, given: Work) -> None:
        beating = asyncio.get_running_loop().create_task(self._keep(given))
        try:
            fits = await self._host_of(given.tenant).perform(given.run)
        except (Busy, Overloaded):
            await given.again(LATER)
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

    async def _keep(self, given: Work) -> None:
        while True:
            await asyncio.sleep(self._beat)
            await given.beat()
