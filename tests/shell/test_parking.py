"""Parking: what only waits leaves memory, and comes back when its time has come or somebody says something."""

from __future__ import annotations

import asyncio
import time

import pytest

from coterie import Ask, Hear, Sleep, Team, first, gather, start
from coterie.kernel.story import state, wakes
from coterie.shell.host import Host
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.event import Asked, Closed, Noted, Settled, Signalled

LONG = 1_000.0


async def _nap(task):
    await Sleep(LONG)
    await Sleep(LONG)
    return f"{task.text} slept"


async def _in_time(task):
    return await first(Ask("Colour?"), _late())


async def _late():
    await Sleep(LONG)
    return "nobody said"


async def _both(task):
    await gather(Sleep(LONG), Sleep(2 * LONG))
    return "both"


async def _hearing(task):
    return f"heard {await Hear('door', outside=True)} and {await Hear('door', outside=True)}"


TEAMS = {name: Team(name, (), play) for name, play in
         {"nap": _nap, "in_time": _in_time, "both": _both, "hearing": _hearing}.items()}  # fmt: skip


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.db")


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


def hosted(store, clock):
    host = Host(store, actor_of=lambda began: TEAMS[began.actor], parks=10, clock=clock)
    world = host._world
    host._world = lambda origin: clocked(world(origin), clock)
    return host


def clocked(world, clock):
    world.clock = clock
    return world


async def rung(host, run):
    """Ring, and wait until the run has ended or left memory again."""
    rang = await host.ring()
    while host._runs:
        await asyncio.sleep(0)
    return rang


def test_a_run_that_sleeps_long_leaves_memory_and_comes_back_in_time(store):
    """It is `running` all the time, nobody holds it, and it goes on when its time has come, not before."""

    async def scene():
        clock = Clock()
        host = hosted(store, clock)
        run = await host.begin(TEAMS["nap"], "she")
        while host._runs:
            await asyncio.sleep(0)
        seen, held = (await host.runs())[0], len(host._runs)
        early = await rung(host, run)
        rang, states = [], []
        for _ in range(2):
            clock.now += LONG + 1
            rang.append(await rung(host, run))
            states.append((await host.runs())[0].status)
        result = await host.wait(run)
        return seen.status, seen.wakes - clock.now < LONG, held, early, rang, states, result.text

    assert asyncio.run(scene()) == ("running", True, 0, 0, [1, 1], ["running", "succeeded"], "she slept")


def test_the_first_of_several_times_brings_it_back(store):
    """And what still sleeps then goes on sleeping, as long as it was asked to from the beginning."""

    async def scene():
        clock = Clock()
        host = hosted(store, clock)
        run = await host.begin(TEAMS["both"], "")
        while host._runs:
            await asyncio.sleep(0)
        for _ in range(2):
            clock.now += LONG + 1
            await rung(host, run)
        return (await host.wait(run)).text

    assert asyncio.run(scene()) == "both"


@pytest.mark.parametrize(("answered", "said"), [(True, "red"), (False, "nobody said")])
def test_a_question_with_a_deadline_is_parked_until_either(store, answered, said):
    """The answer is taken while it is parked; so is the deadline."""

    async def scene():
        clock = Clock()
        host = hosted(store, clock)
        run = await host.begin(TEAMS["in_time"], "")
        while host._runs:
            await asyncio.sleep(0)
        [asked] = await host.questions()
        if answered:
            await host.answer(asked.id, "red", by="ada")
        else:
            clock.now += LONG + 1
            await rung(host, run)
        return (await host.wait(run)).text

    assert asyncio.run(scene()) == said


def test_a_signal_while_it_is_being_parked_is_not_lost(store):
    """Whatever the moment: what was said to it through the store is heard, once."""

    async def scene(moment):
        clock = Clock()
        host = hosted(store, clock)
        run = await host.begin(TEAMS["hearing"], "", id=f"r{moment}")
        for _ in range(moment):
            await asyncio.sleep(0)
        await store.signal(run, Signalled("message", "door", 1))
        while host._runs:
            await asyncio.sleep(0)
        await store.signal(run, Signalled("message", "door", 2))
        while closed_of(await host.journal(run)) is None:
            await rung(host, run)
            await asyncio.sleep(0)
        return (await host.wait(run)).text

    async def scenes():
        return [await scene(moment) for moment in range(12)]

    assert asyncio.run(scenes()) == ["heard 1 and 2"] * 12


def closed_of(records):
    return next((one.event for one in records if isinstance(one.event, Closed)), None)


def test_a_refused_answer_does_not_let_it_oversleep(store):
    """What is only written down in a parked run leaves its time as it was."""
    from coterie.errors import RunError

    async def scene():
        clock = Clock()
        host = hosted(store, clock)
        run = await host.begin(TEAMS["in_time"], "")
        while host._runs:
            await asyncio.sleep(0)
        [asked] = await host.questions()
        with pytest.raises(RunError):
            await host.answer(asked.id, "green")
        due = wakes(await host.journal(run))
        clock.now += LONG + 1
        return due is not None, await rung(host, run), (await host.journal(run))[-1].event.status

    TEAMS["in_time"], kept = Team("in_time", (), _choosing), TEAMS["in_time"]
    try:
        assert asyncio.run(scene()) == (True, 1, "succeeded")
    finally:
        TEAMS["in_time"] = kept


async def _choosing(task):
    return await first(Ask("Colour?", "choice", ("red", "blue")), _late())


def test_what_is_paused_or_over_is_not_brought_back(store):
    """A pause or a cancel of a parked run holds, whatever its time was."""

    async def scene():
        clock = Clock()
        host = hosted(store, clock)
        runs = [await host.begin(TEAMS["nap"], "", id=name) for name in ("paused", "over")]
        while host._runs:
            await asyncio.sleep(0)
        await host.pause("paused")
        await host.cancel("over")
        await store.wake("paused")
        clock.now += LONG + 1
        await host.ring()
        while host._runs:
            await asyncio.sleep(0)
        again = await host.ring()
        return [state(await host.journal(run)) for run in runs], again

    assert asyncio.run(scene()) == (["paused", "cancelled"], 0)


def test_a_run_that_nobody_would_bring_back_stays(store):
    """`run` and `start` see a run through, however long it sleeps."""

    async def scene():
        run = start(TEAMS["nap"], "", store=store, attended=False)
        while not any(isinstance(one.event, Asked) for one in run.records):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        done = run.done
        await run.cancel()
        return done

    assert asyncio.run(scene()) is False


def test_the_journal_says_until_when_it_is_away(store):
    """Once for each time that it leaves, and a replay takes no notice."""

    async def scene():
        clock = Clock()
        host = hosted(store, clock)
        run = await host.begin(TEAMS["nap"], "")
        while host._runs:
            await asyncio.sleep(0)
        await store.wake(run)
        await rung(host, run)  # for nothing: it is not its time
        records = await host.journal(run)
        return [one.event.value - clock.now for one in records if isinstance(one.event, Noted)
                and one.event.fact == "sleeps"], [one for one in records if isinstance(one.event, Settled)]  # fmt: skip

    slept, settled = asyncio.run(scene())
    assert (len(slept), settled) == (1, [])
    assert LONG - 1 <= slept[0] <= LONG
