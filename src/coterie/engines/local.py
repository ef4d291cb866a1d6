"""The local engine: runs are handed to the workers of this process, the urgent first."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from typing import TypeAlias

from coterie.words.cluster import Hand, Queue

Line: TypeAlias = "list[tuple[int, int, LocalWork]]"


class LocalEngine:
    """Queues in this process, one for all that needs the same. What was not performed when it ends is found in the
    store by the next.
    """

    def __init__(self) -> None:
        self._waiting: dict[frozenset[str], Line] = {}
        self._count = count()
        self._more = asyncio.Condition()
        self._tells: list[Callable[[], Hand]] = []

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Hand a run to whoever works next."""
        await self.put(LocalWork(self, run, tenant, priority, frozenset(needs)))

    async def put(self, work: LocalWork) -> None:
        """Let `work` wait for a worker."""
        async with self._more:
            queue = self._waiting.setdefault(work.needs, [])
            heapq.heappush(queue, (-work.priority, next(self._count), work))
            self._more.notify_all()

    async def work(self, has: Sequence[str] = ()) -> AsyncIterator[LocalWork]:
        """What is to be performed by a worker that has these capabilities, as it comes."""
        able = frozenset(has)
        while True:
            async with self._more:
                while (queue := self._fitting(able)) is None:
                    await self._more.wait()
                _, _, work = heapq.heappop(queue)
            yield work

    def _fitting(self, able: frozenset[str]) -> Line | None:
        """The queue whose first is the most urgent that a worker can do."""
        queues = [queue for needs, queue in self._waiting.items() if queue and needs <= able]
        return min(queues, key=lambda queue: queue[0], default=None)

    async def queues(self) -> list[Queue]:
        """What waits for a worker of this process."""
        found: dict[tuple[tuple[str, ...], int], list[LocalWork]] = {}
        for _, _, work in (one for line in self._waiting.values() for one in sorted(line)):
            found.setdefault((tuple(sorted(work.needs)), work.priority), []).append(work)
        return [
            Queue(needs=needs, priority=priority, depth=len(works), age=time.time() - works[0].at)
            for (needs, priority), works in found.items()
        ]

    async def workers(self, seconds: float = 0.5) -> list[Hand]:
        """The workers of this process."""
        return [tell() for tell in self._tells]

    async def answer(self, tell: Callable[[], Hand]) -> None:
        """Have whoever asks be told of a worker of this process."""
        self._tells.append(tell)

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
        self.at = time.time()
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
