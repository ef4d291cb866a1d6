"""How late a loop is while a tool blocks: a tool that is not async runs in a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from time import perf_counter

from bench.figures import Figure
from bench.race import Effort
from coterie.actor import do
from coterie.shell.run import run
from coterie.team import Team
from coterie.tool import tool
from coterie.words.task import Task

SECONDS = 1.0
TICK = 0.001
P99 = 20
"""Milliseconds."""


@tool
def sleeps() -> str:
    """Block a thread in the system, as a driver or a file does."""
    time.sleep(SECONDS)
    return "done"


@tool
def computes() -> str:
    """Block a thread in Python itself, which shares the interpreter with the loop."""
    end = perf_counter() + SECONDS
    while perf_counter() < end:
        sum(range(1000))
    return "done"


async def _late(done: asyncio.Event) -> list[float]:
    """How late each tick of the loop is, in milliseconds, until it is done."""
    late: list[float] = []
    while not done.is_set():
        began = perf_counter()
        await asyncio.sleep(TICK)
        late.append((perf_counter() - began - TICK) * 1e3)
    return late


async def _beside(work: Callable[[], object] | None) -> float:
    """The 99th percentile of the lateness of a loop beside a run that uses a blocking tool."""

    async def play(_: Task) -> str:
        return str(await do(work)) if work is not None else ""

    done = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        ticks = group.create_task(_late(done))
        if work is None:
            await asyncio.sleep(SECONDS)
        else:
            result = await run(Team("blocked", (), play), "go")
            assert result.status == "succeeded"
        done.set()
    late = sorted(ticks.result())
    return late[int(len(late) * 0.99)]


def figures(effort: Effort) -> Iterator[Figure]:
    """The lag beside each kind of blocking, the best of a few laps."""
    laps = min(effort.laps, 3)
    alone = min(asyncio.run(_beside(None)) for _ in range(laps))
    for kind, work in (("sleeps", sleeps), ("computes", computes)):
        lag = min(asyncio.run(_beside(work)) for _ in range(laps))
        what = f"lag of the loop while a tool {kind} for a second, p99"
        yield Figure(
            what=what, ours=lag, unit="ms", target=P99, limit=alone, of="a loop alone", times=lag / alone
        )
