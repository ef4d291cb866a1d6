"""Pools of resources: bounded, fair, checked, and given back however a use ends."""

from __future__ import annotations

import asyncio
import random

import pytest

from coterie.errors import BadInput, TimedOut, ToolFailed
from coterie.tools import Pool


class Line:
    """A connection, numbered, that knows whether it is well and whether it was closed."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.well = True
        self.closed = False

    async def aclose(self) -> None:
        self.closed = True


def lines(size: int = 2, **options):
    made: list[Line] = []

    async def factory() -> Line:
        made.append(Line(len(made)))
        return made[-1]

    return Pool(factory, size, **options), made


def well(line: Line) -> bool:
    return line.well


def test_one_is_used_again_and_never_by_two() -> None:
    """A hundred users share two: no more are made, and none has two users at once."""
    pool, made = lines()
    busy: set[int] = set()

    async def user() -> None:
        async with pool.acquire() as line:
            assert line.n not in busy
            busy.add(line.n)
            await asyncio.sleep(0)
            busy.remove(line.n)

    async def scene():
        await asyncio.gather(*(user() for _ in range(100)))
        return pool.metrics

    metrics = asyncio.run(scene())
    assert (len(made), metrics.acquired, metrics.made, metrics.idle) == (2, 100, 2, 2)
    assert (metrics.in_use, metrics.waiting, metrics.failed) == (0, 0, 0)


def test_who_waits_longest_is_next() -> None:
    """Turns come in the order in which they were asked for."""
    pool, _ = lines(1)
    order: list[int] = []

    async def user(n: int) -> None:
        async with pool.acquire():
            order.append(n)
            await asyncio.sleep(0)

    async def scene() -> None:
        await asyncio.gather(*(user(n) for n in range(10)))

    asyncio.run(scene())
    assert order == list(range(10))


def test_waiting_ends_in_time() -> None:
    """Who gets none in time is told so, leaves the queue, and spoils nothing."""
    pool, _ = lines(1)

    async def scene():
        async with pool.acquire():
            with pytest.raises(TimedOut, match="1 of 1 are in use"):
                async with pool.acquire(0.01):
                    pass
            waiting = pool.metrics.waiting
        async with pool.acquire(0.01):
            return waiting, pool.metrics.failed

    assert asyncio.run(scene()) == (0, 1)


def test_a_sick_one_is_closed_and_another_made() -> None:
    """Each is looked at before it is lent."""
    pool, made = lines(1, healthy=well)

    async def scene() -> int:
        async with pool.acquire() as line:
            pass
        line.well = False
        async with pool.acquire() as other:
            return other.n

    assert asyncio.run(scene()) == 1
    assert ([line.closed for line in made], pool.metrics.failed, pool.metrics.closed) == ([True, False], 1, 1)


@pytest.mark.parametrize("options", [{}, {"healthy": well}])
def test_an_error_or_a_cancel_gives_it_back(options) -> None:
    """Without a check one whose use failed is closed; with one it is kept if it is well."""
    pool, made = lines(1, **options)

    async def hold(begun: asyncio.Event) -> None:
        async with pool.acquire():
            begun.set()
            await asyncio.Event().wait()

    async def scene() -> None:
        with pytest.raises(ValueError, match="oh"):
            async with pool.acquire():
                raise ValueError("oh")
        begun = asyncio.Event()
        task = asyncio.ensure_future(hold(begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with pool.acquire(1):
            pass

    asyncio.run(scene())
    assert (pool.metrics.in_use, len(made)) == (0, 1 if options else 3)


def test_a_factory_that_fails_loses_no_place() -> None:
    """The error says why, and the next one may try again."""
    tries = iter([OSError("refused"), None])

    def factory() -> str:
        error = next(tries)
        if error:
            raise error
        return "line"

    pool = Pool(factory, 1)

    async def scene() -> str:
        with pytest.raises(ToolFailed, match="could not be made: OSError: refused"):
            async with pool.acquire():
                pass
        async with pool.acquire(1) as line:
            return line

    assert asyncio.run(scene()) == "line"


def test_closing_refuses_who_waits_and_closes_what_comes_back() -> None:
    """On the way out of its `with` every resource is closed, also one in use, when it is given back."""
    pool, made = lines(1)

    async def wait() -> None:
        async with pool.acquire():
            pass

    async def scene() -> None:
        async with pool:
            using = pool.acquire()
            await using.__aenter__()
            waiting = asyncio.ensure_future(wait())
            await asyncio.sleep(0)
        with pytest.raises(ToolFailed, match="was closed"):
            await waiting
        await using.__aexit__(None, None, None)
        with pytest.raises(ToolFailed, match="is closed"):
            await wait()

    asyncio.run(scene())
    assert [line.closed for line in made] == [True]


def test_nothing_is_lost_in_a_thousand_random_uses() -> None:
    """Users that end well, fail, are cancelled or give up at any moment: at the end all places are free."""
    dice = random.Random(7)
    pool, made = lines(3, healthy=well)

    async def user() -> None:
        async with pool.acquire(5) as line:
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(0)
            line.well = dice.random() < 0.8
            if dice.random() < 0.2:
                raise ValueError("oh")

    async def scene() -> None:
        tasks = [asyncio.ensure_future(user()) for _ in range(1000)]
        while any(not task.done() for task in tasks):
            await asyncio.sleep(0)
            dice.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    asyncio.run(scene())
    metrics = pool.metrics
    assert (metrics.in_use, metrics.waiting) == (0, 0)
    assert metrics.made == metrics.closed + metrics.idle == len(made)
    assert [line.closed for line in made].count(False) == metrics.idle <= 3


@pytest.mark.parametrize(("size", "timeout"), [(0, 1), (1, 0)])
def test_mistakes_are_told(size: int, timeout: float) -> None:
    """A pool has room for one, and somebody waits a moment."""
    with pytest.raises(BadInput):
        Pool(dict, size, timeout=timeout)
