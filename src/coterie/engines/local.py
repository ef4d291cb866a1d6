"""The local engine: runs are handed to the workers of this process, the urgent first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Sequence
from itertools import count


class LocalEngine:
    """A queue in this process. What was not performed when it ends is found in the store by the next."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, LocalWork]] = []
        self._count = count()
        self._more = asyncio.Condition()

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Hand a run to whoever works next."""
        await self.put(LocalWork(self, run, tenant, priority, frozenset(needs)))

    async def put(self, work: LocalWork) -> None:
        """Let `work` wait for a worker."""
        async with self._more:
            heapq.heappush(self._waiting, (-work.priority, next(self._count), work))
            self._more.notify_all()

    async def work(self, has: Sequence[str] = ()) -> AsyncIterator[LocalWork]:
        """What is to be performed by a worker that has these capabilities, as it comes."""
        able = frozenset(has)
        while True:
            async with self._more:
                await self._more.wait_for(lambda: self._fitting(able) is not None)
                found = self._fitting(able)
                assert found is not None  # it was waited for
                self._waiting.remove(found)
                heapq.heapify(self._waiting)
            yield found[2]

    def _fitting(self, able: frozenset[str]) -> tuple[int, int, LocalWork] | None:
        return min((one for one in self._waiting if one[2].needs <= able), default=None)

    async def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


class LocalWork:
    """One run that was handed over."""

    def __init__(
        self, engine: LocalEngine, run: str, tenant: str, priority: int, needs: frozenset[str]
    ) -> None:
        self.run = run
        self.tenant = tenant
        self.priority = priority
        self.needs = needs
        self._engine = engine

    async def beat(self) -> None:
        """Nobody else could be given it."""

    async def done(self) -> None:
        """It was taken off the queue when it was given."""

    async def again(self, seconds: float = 0.0) -> None:
        """Let it wait once more, in `seconds`."""
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._later)
        else:
            await self._engine.put(self)

    def _later(self) -> None:
        asyncio.get_running_loop().create_task(self._engine.put(self))
