"""The world: how tools are called, and stopped when their time is over."""

from __future__ import annotations

import asyncio

from coterie import do, run, run_sync, tool
from coterie.errors import EffectFailed
from coterie.shell.world import World
from coterie.words.effect import Use
from coterie.words.event import Asked
from coterie.words.task import Task


@tool(timeout=0.01)
async def stays() -> str:
    """Never come back."""
    await asyncio.sleep(0)
    await asyncio.Event().wait()
    return "never"


@tool(timeout=0.01)
async def clings() -> str:
    """Make a result of being stopped."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)
    return "let go"


@tool(timeout=10)
async def waits() -> list[int]:
    """Wait several times, and with a timeout of its own."""
    for _ in range(3):
        await asyncio.sleep(0)
    try:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
    except TimeoutError:
        return [1, 2]
    return []


def test_a_tool_that_stays_is_stopped_at_its_timeout() -> None:
    """The step fails with what took how long; whoever awaits the run is not cancelled."""

    async def play(_: Task) -> str:
        try:
            await do(stays)
        except EffectFailed as error:
            return error.message
        return ""

    async def scene() -> tuple[str, int]:
        result = await run(play)
        task = asyncio.current_task()
        return result.text, 0 if task is None else task.cancelling()

    assert asyncio.run(scene()) == ("tool 'stays' took longer than 0.01 s", 0)


def test_a_tool_may_make_a_result_of_being_stopped() -> None:
    """What a tool gives in spite of its timeout is its result."""

    async def play(_: Task) -> str:
        return str(await do(clings))

    assert run_sync(play).text == "let go"


def test_a_tool_that_waits_goes_on_where_it_was() -> None:
    """Waiting several times, and an own timeout inside, change nothing."""

    async def play(_: Task) -> str:
        return str(await do(waits))

    assert run_sync(play).text == "[1, 2]"


def test_the_callers_cancel_is_no_timeout() -> None:
    """Cancelling who awaits a tool reaches the tool, and goes on up."""

    async def scene() -> bool:
        ask = Asked("t/stays.1", Use("stays", {}, tool(timeout=60)(stays.function)))
        task = asyncio.create_task(World().perform(ask, "r"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(scene())
