"""What an append waits for: woken by the commit, at once and in order, and a future like any other."""

import asyncio

import pytest

from coterie.errors import StoreError
from coterie.stores.written import Written, wake


async def _waits(written, name, told):
    try:
        await written
        told.append(name)
    except BaseException as error:
        told.append((name, type(error)))
        raise


def test_whoever_waits_goes_on_before_the_commit_returns():
    """A commit wakes the tasks that wait for it in the order of their pages, in the same turn of the loop."""

    async def scene() -> None:
        loop, told = asyncio.get_running_loop(), []
        pages = [Written.on(loop) for _ in range(3)]
        tasks = [loop.create_task(_waits(page, n, told)) for n, page in enumerate(pages)]
        await asyncio.sleep(0)

        def commit():
            wake(pages)
            told.append("committed")

        loop.call_soon(commit)
        await asyncio.gather(*tasks)
        assert told == [0, 1, 2, "committed"]

    asyncio.run(scene())


def test_within_a_task_whoever_waits_goes_on_at_the_next_turn():
    """A task that flushes a store cannot step into another, so it leaves the waking to the loop."""

    async def scene() -> None:
        loop, told = asyncio.get_running_loop(), []
        page = Written.on(loop)
        task = loop.create_task(_waits(page, "task", told))
        await asyncio.sleep(0)
        wake([page])
        told.append("flushed")
        await task
        assert told == ["flushed", "task"]

    asyncio.run(scene())


def test_an_error_reaches_whoever_waits():
    """What could not be written is raised where it was appended."""

    async def scene() -> None:
        page, told = Written.on(asyncio.get_running_loop()), []
        task = asyncio.ensure_future(_waits(page, "task", told))
        await asyncio.sleep(0)
        page.fail(StoreError("the disk is full"))
        with pytest.raises(StoreError, match="full"):
            await task
        assert told == [("task", StoreError)]

    asyncio.run(scene())


def test_a_cancelled_wait_ends_and_the_others_go_on():
    """Cancelling who waits for a commit changes nothing for those who wait with it."""

    async def scene() -> None:
        loop, told = asyncio.get_running_loop(), []
        pages = [Written.on(loop) for _ in range(2)]
        tasks = [loop.create_task(_waits(page, n, told)) for n, page in enumerate(pages)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        loop.call_soon(wake, pages)
        await asyncio.wait(tasks)
        assert sorted(map(str, told)) == sorted(map(str, [(0, asyncio.CancelledError), 1]))

    asyncio.run(scene())


def test_it_is_a_future_like_any_other():
    """It can be shielded, gathered, waited for with a limit, and awaited by several and once it is done."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        page = Written.on(loop)
        several = [
            asyncio.shield(page),
            asyncio.gather(page),
            asyncio.wait_for(page, 5),
            loop.create_task(_waits(page, 1, [])),
        ]
        loop.call_later(0.001, wake, [page])
        await asyncio.gather(*several)
        await page
        late = Written.on(loop)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(late, 0.001)
        assert late.cancelled()

    asyncio.run(scene())


def test_a_task_that_ends_the_loop_leaves_nobody_waiting():
    """What ends the loop in one task does not keep the next from going on when the loop does."""
    told = []

    async def ends(written):
        await written
        raise KeyboardInterrupt

    loop = asyncio.new_event_loop()
    pages = [Written.on(loop) for _ in range(2)]
    first, second = loop.create_task(ends(pages[0])), loop.create_task(_waits(pages[1], 1, told))
    loop.call_later(0.001, wake, pages)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(second)
    loop.run_until_complete(second)
    assert told == [1]
    assert isinstance(first.exception(), KeyboardInterrupt)
    loop.close()
