"""What every engine promises: subclass `EnginePromises` in a test, and say how an engine of the cluster is made.

`engine` gives another engine of the same cluster each time, as a process of its own would have it; one that lives in a
process gives the same again. What was given may be given to another after `GIVEN` seconds without a sign of life.
What an engine does not do is skipped, which says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar
from unittest import SkipTest

from coterie.carriers import Carrying
from coterie.ports import Engine, Surveyed, Work
from coterie.words.cluster import Hand

P = TypeVar("P", bound="EnginePromises")
PATIENCE = 20.0
"""Seconds after which what an engine owes will not come."""


def in_loop(test: Callable[[P], Coroutine[Any, Any, None]]) -> Callable[[P], None]:
    """A test in a loop of its own, with every engine closed at the end."""

    @wraps(test)
    def run(self: P) -> None:
        async def scene() -> None:
            self.made = []
            try:
                await test(self)
            finally:
                for engine in self.made:
                    await engine.close()

        asyncio.run(scene())

    return run


async def soon(given: AsyncIterator[Work]) -> Work:
    """What is given next."""
    async with asyncio.timeout(PATIENCE):
        return await anext(given)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


async def nothing(given: AsyncIterator[Work], seconds: float = 0.5) -> bool:
    """Whether nothing is given for a while."""
    try:
        async with asyncio.timeout(seconds):
            await anext(given)
    except TimeoutError:
        return True
    return False


async def depth(desk: Surveyed, waiting: int) -> None:
    """Wait until so many wait."""
    async with asyncio.timeout(PATIENCE):
        while sum(one.depth for one in await desk.queues()) != waiting:  # noqa: ASYNC110 - an engine rings no bell
            await asyncio.sleep(0.01)


class EnginePromises:
    """An engine has runs performed by whoever works: each that is dispatched is given to somebody at least once."""

    GIVEN: float = 0.5
    """Seconds after which a worker that is silent is not waited for any more."""
    ACROSS: bool = True
    """Whether engines of one cluster can be in several processes."""
    made: list[Engine]

    def engine(self) -> Engine:
        """An engine of the cluster that this test has."""
        raise NotImplementedError

    def another(self) -> Engine:
        """One more engine of the cluster."""
        engine = self.engine()
        if engine not in self.made:
            self.made.append(engine)
        return engine

    @in_loop
    async def test_what_is_dispatched_is_given(self) -> None:
        """With its name and its tenant, and once it is done it is not given again."""
        desk, hand = self.another(), self.another()
        await desk.dispatch("r", tenant="t")
        given = hand.work()
        work = await soon(given)
        assert (work.run, work.tenant) == ("r", "t")
        await work.done()
        assert await nothing(hand.work(), 3 * self.GIVEN)

    @in_loop
    async def test_what_is_given_back_is_given_again(self) -> None:
        """To whoever works then, after as long as was asked."""
        desk, hand = self.another(), self.another()
        await desk.dispatch("r", tenant="t")
        given = hand.work()
        await (await soon(given)).again(0.05)
        work = await soon(given)
        assert work.run == "r"
        await work.done()

    @in_loop
    async def test_what_a_silent_worker_has_is_given_to_another(self) -> None:
        """A worker that died says nothing; one that says that it lives is left in peace."""
        if not self.ACROSS:
            raise SkipTest("who would go on with it lives in the process that died")
        desk, dead, hand = self.another(), self.another(), self.another()
        await desk.dispatch("r", tenant="t")
        await soon(dead.work())
        work = await soon(hand.work())
        assert work.run == "r"
        await work.done()

    @in_loop
    async def test_what_is_worked_on_is_given_to_nobody_else(self) -> None:
        """For as long as its worker says so."""
        desk, hand, idle = self.another(), self.another(), self.another()
        await desk.dispatch("r", tenant="t")
        work = await soon(hand.work())
        waiting = asyncio.ensure_future(nothing(idle.work(), 4 * self.GIVEN))
        while not waiting.done():
            await work.beat()
            await asyncio.sleep(self.GIVEN / 4)
        assert await waiting
        await work.done()

    @in_loop
    async def test_only_who_is_able_is_given_a_run(self) -> None:
        """A worker that has all that it needs, and more; never one that lacks something."""
        desk, plain, able = self.another(), self.another(), self.another()
        await desk.dispatch("r", tenant="t", needs=["gpu", "eu"])
        assert await nothing(plain.work(["gpu"]))
        work = await soon(able.work(["eu", "gpu", "large"]))
        assert work.run == "r"
        await work.done()

    @in_loop
    async def test_whatever_is_dispatched_is_given_in_the_end(self) -> None:
        """Every one of many, to several workers side by side."""
        desk, names = self.another(), {f"r{n}" for n in range(30)}
        for name in sorted(names):
            await desk.dispatch(name, tenant="t")
        found: set[str] = set()

        async def hand(engine: Engine) -> None:
            async for work in engine.work():
                found.add(work.run)
                await work.done()

        tasks = [asyncio.ensure_future(hand(self.another())) for _ in range(3)]
        await until(lambda: found == names)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @in_loop
    async def test_what_a_group_is_told_is_given_to_one_member(self) -> None:
        """Where an engine carries messages: on whatever host, and to another if the first is silent."""
        desk, silent, hand = self.another(), self.another(), self.another()
        if not (isinstance(desk, Carrying) and isinstance(silent, Carrying) and isinstance(hand, Carrying)):
            raise SkipTest("it carries nothing for groups")
        await desk.groups_of("t").tell("g", "topic", "hello", "r:1")
        async with asyncio.timeout(PATIENCE):
            given = [await one.groups_of("t").take("g", "topic") for one in (silent, hand)]
        await given[1].done()
        assert [told.said for told in given] == ["hello", "hello"]

    @in_loop
    async def test_a_survey_says_what_waits_and_who_works(self) -> None:
        """Where an engine can be asked: what waits, how urgent, for how long, and the workers that answer."""
        desk, needs = self.another(), ["a.b/c d'e+"]
        if not isinstance(desk, Surveyed):
            raise SkipTest("it does not say how its cluster stands")
        await desk.dispatch("r", tenant="t", priority=2, needs=needs)
        await desk.dispatch("s", tenant="t", priority=2, needs=needs)
        await depth(desk, 2)
        [one] = await desk.queues()
        assert (one.needs, one.priority, one.depth, one.age >= 0) == (tuple(needs), 2, 2, True)
        hand = self.another()
        assert isinstance(hand, Surveyed)
        await hand.answer(lambda: Hand(worker="w", version="1", has=("gpu",)))
        async with asyncio.timeout(PATIENCE):
            while [one.worker for one in await desk.workers(0.2)] != ["w"]:
                pass
        given = hand.work(needs)
        for left in (1, 0):
            await (await soon(given)).done()
            await depth(desk, left)

    @in_loop
    async def test_what_is_dispatched_while_it_is_worked_on_is_given_once_more(self) -> None:
        """What is said of a run between the last look of its worker and the end of it is not lost."""
        desk, hand, other = self.another(), self.another(), self.another()
        await desk.dispatch("r", tenant="t")
        first = await soon(hand.work())
        await desk.dispatch("r", tenant="t")
        await first.done()
        second = await soon(other.work())
        assert second.run == "r"
        await second.done()

    @in_loop
    async def test_runs_of_one_name_are_of_different_tenants(self) -> None:
        """Each is given for itself."""
        desk, hand = self.another(), self.another()
        for tenant in ("t", "u"):
            await desk.dispatch("r", tenant=tenant)
        given = hand.work()
        works = [await soon(given), await soon(given)]
        assert {(one.run, one.tenant) for one in works} == {("r", "t"), ("r", "u")}
        for one in works:
            await one.done()
