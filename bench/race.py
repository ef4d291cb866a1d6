"""Timing: the best of several laps, ours and the limit taking turns.

A neighbour on the machine only ever adds time, so the least of several laps is the nearest to what
the work costs, and turns see to it that both sides meet the same neighbours. The garbage
collector stays on, as it is for users; it is run before each lap, so none pays for another.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from time import perf_counter, process_time
from typing import TypeAlias

from msgspec import Struct


class Lap(Struct, frozen=True):
    """What one go took: seconds by the clock, and seconds of CPU of this process."""

    wall: float
    cpu: float


Work: TypeAlias = Callable[[], Lap]
"""Something that sets itself up, times what counts, and tidies up."""


class Effort(Struct, frozen=True):
    """How much is measured: laps a work, and the share of its full size."""

    laps: int
    share: float

    def of(self, size: int) -> int:
        """`size`, or the share of it that is done here."""
        return max(1, round(size * self.share))


FULL, QUICK = Effort(5, 1.0), Effort(2, 0.2)


def race(laps: int, *works: Work) -> list[Lap]:
    """The best lap of each of `works`, taking turns."""
    rounds = [[work() for work in works] for _ in range(laps)]
    return [
        Lap(min(lap.wall for lap in own), min(lap.cpu for lap in own)) for own in zip(*rounds, strict=True)
    ]


def plainly(work: Callable[[], object]) -> Work:
    """A function as a work."""

    def lap() -> Lap:
        gc.collect()
        wall, cpu = perf_counter(), process_time()
        work()
        return Lap(perf_counter() - wall, process_time() - cpu)

    return lap


async def timed(work: Callable[[], Awaitable[object]]) -> Lap:
    """What `work` takes inside the loop that runs."""
    gc.collect()
    wall, cpu = perf_counter(), process_time()
    await work()
    return Lap(perf_counter() - wall, process_time() - cpu)


def looped(work: Callable[[], Awaitable[object]]) -> Work:
    """An async function as a work, without what starting and ending a loop takes."""
    return lambda: asyncio.run(timed(work))
