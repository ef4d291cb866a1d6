"""P29: short runs leave nothing behind, and a tool that blocks does not stall the loop."""

from __future__ import annotations

import asyncio
import gc
import threading

from coterie import Agent, Task, do, run, tool
from coterie.models import scripted

TICKS = 50


def test_a_blocking_tool_does_not_stall_the_loop() -> None:
    """The tool blocks until the loop has ticked many times beside it: it could not come back otherwise."""
    ticked = threading.Event()

    @tool
    def blocks() -> bool:
        """Wait for the loop, in a thread."""
        return ticked.wait(30)

    async def play(_: Task) -> str:
        return str(await do(blocks))

    async def scene() -> str:
        running = asyncio.create_task(run(play))
        for _ in range(TICKS):
            await asyncio.sleep(0)
        ticked.set()
        return (await running).text

    assert asyncio.run(scene()) == "True"


def test_short_runs_leave_nothing_behind() -> None:
    """After thousands of runs there are no more objects than after the first hundred, but for 5 %."""
    agent = Agent("a")

    async def some(count: int) -> int:
        for _ in range(count):
            await run(agent, "hello", model=scripted("hello"))
        gc.collect()
        return len(gc.get_objects())

    async def scene() -> tuple[int, int]:
        return await some(100), await some(3_000)

    before, after = asyncio.run(scene())
    assert after < before * 1.05
