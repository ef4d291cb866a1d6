"""Engines and workers: whatever an engine loses, gives twice or gives late, the journal is the truth."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from coterie import Agent, Ask, Sleep, Start, Team, do, gather, tool
from coterie.engines.local import LocalEngine
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.shell.worker import Worker
from coterie.stores import SqliteStore
from coterie.words.event import Settled

ECHO = scripted(lambda think: f"{think.actor}: {think.thread[-1].text}")
DONE = Counter()
GOING: list[str] = []
MOST: list[int] = []


async def _step(run: str, n: int) -> int:
    DONE[run, n] += 1
    return n


async def _stepping(task):
    for n in range(5):
        await do(_step, task.text, n)
    return f"{task.text} done"


async def _asking(task):
    return await Ask("Colour?")


@tool(idempotent=True)
async def wait_long() -> str:
    """Something that takes long, and is no sleep that a run could be parked for."""
    await asyncio.sleep(3600)
    return ""


async def _slow(task):
    return await do(wait_long)


async def _nap(task):
    await Sleep(0.4)
    return "awake"


@tool(idempotent=True)
async def busy(name: str) -> str:
    """Something that takes a moment."""
    GOING.append(name)
    MOST.append(len(GOING))
    await asyncio.sleep(0.05)
    GOING.remove(name)
    return name


async def _busy(task):
    return await do(busy, task.text)


async def _starts(task):
    done = await gather(*(Start("steps", f"{task.text}-{n}") for n in range(3)))
    return " ".join(one.text for one in done)


TEAMS = {
    "steps": Team("steps", (), _stepping),
    "asks": Team("asks", (), _asking),
    "slow": Team("slow", (), _slow),
    "nap": Team("nap", (), _nap),
    "starts": Team("starts", (), _starts),
    "busy": Team("busy", (), _busy),
    "a": Agent("a"),
}


@pytest.fixture(params=["local", "nats", "temporal"])
def engines(request):
    """Makes engines of one cluster: all of one process are one engine, on NATS each is its own."""
    if request.param == "local":
        one = LocalEngine()
        return lambda: one
    queue = f"q{abs(hash(request.node.name)) % 10**9}"
    if request.param == "temporal":
        from coterie.engines.temporal import TemporalEngine

        server = request.getfixturevalue("workflows")
        return lambda: TemporalEngine(server.url, queue=queue, given=0.5)
    from coterie.engines.nats import NatsEngine

    broker = request.getfixturevalue("broker")
    return lambda: NatsEngine(broker.url, queue=queue, given=0.5)


class Site:
    """A process of a cluster, as far as one process can play several: a host of its own on the same file."""

    def __init__(self, path, engine, **options):
        self.store = SqliteStore(path)
        self.engine = engine
        self.host = Host(
            self.store, actor_of=lambda began: TEAMS[began.actor], model=lambda _: ECHO, engine=engine
        )
        here = Host(
            self.store,
            actor_of=lambda began: TEAMS[began.actor],
            model=lambda _: ECHO,
            engine=engine,
            parks=0.2,
        )
        self.worker = Worker(engine, lambda _: here, beat=0.1, **options)
        self.task = None

    def work(self):
        self.task = asyncio.create_task(self.worker.work())

    async def stop(self):
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            await self.worker.drain(0)
        await self.engine.close()
        await self.store.close()


def test_runs_are_performed_by_workers(engines, tmp_path):
    """Begun at one site, performed at others, each step once."""

    async def scene():
        desk = Site(tmp_path / "runs.db", engines())
        hands = [Site(tmp_path / "runs.db", engines()) for _ in range(2)]
        for site in hands:
            site.work()
        runs = [await desk.host.begin(TEAMS["steps"], f"{tmp_path}{n}") for n in range(20)]
        results = [await desk.host.wait(run) for run in runs]
        for site in [*hands, desk]:
            await site.stop()
        return results

    results = asyncio.run(scene())
    assert [one.status for one in results] == ["succeeded"] * 20
    assert {count for (run, _), count in DONE.items() if run.startswith(str(tmp_path))} == {1}


def test_a_parked_run_is_gone_on_with_wherever_it_is_answered(engines, tmp_path):
    """The answer goes through the store, and whichever worker is free takes it."""

    async def scene():
        desk, hand = (Site(tmp_path / "runs.db", engines()) for _ in range(2))
        hand.work()
        run = await desk.host.begin(TEAMS["asks"], "go")
        parked = await desk.host.wait(run)
        [asked] = await desk.host.questions()
        await desk.host.answer(asked.id, "red", by="ada")
        result = await desk.host.wait(run)
        await hand.stop()
        await desk.stop()
        return parked.status, result.text

    assert asyncio.run(scene()) == ("waiting", "red")


def test_what_a_worker_leaves_is_given_to_another(engines, tmp_path):
    """Draining gives it back at once."""

    async def scene():
        desk, first, second = (Site(tmp_path / "runs.db", engines()) for _ in range(3))
        first.work()
        run = await desk.host.begin(TEAMS["slow"], "go")
        while not first.worker._under_way:
            await asyncio.sleep(0.01)
        first.task.cancel()
        await first.worker.drain(0.05)
        second.work()
        while not second.worker._under_way:
            await asyncio.sleep(0.01)
        result = await desk.host.cancel(run)
        while result.status != "cancelled":
            await asyncio.sleep(0.05)
            result = await desk.host.result(run)
        for site in (first, second, desk):
            await site.stop()
        return result.status

    assert asyncio.run(scene()) == "cancelled"


def test_a_run_that_sleeps_is_with_no_worker_and_comes_back_to_any(engines, tmp_path):
    """It is parked at the one that began it, which leaves; whoever looks next has it gone on with."""

    async def scene():
        desk, first, second = (Site(tmp_path / "runs.db", engines()) for _ in range(3))
        first.work()
        run = await desk.host.begin(TEAMS["nap"], "go")
        while not (seen := (await desk.host.runs())[0]).wakes:
            await asyncio.sleep(0.01)
        await first.stop()
        second.work()
        while not await desk.host.ring():
            await asyncio.sleep(0.02)
        result = await desk.host.wait(run)
        await second.stop()
        await desk.stop()
        return seen.status, result.text, second.worker.performed

    assert asyncio.run(scene()) == ("running", "awake", 1)


def test_children_are_performed_wherever_a_worker_is_free(engines, tmp_path):
    """A parent and its children, some of them started by name, on two workers; each step once."""

    async def scene():
        desk, first, second = (Site(tmp_path / "runs.db", engines(), concurrency=2) for _ in range(3))
        first.work()
        second.work()
        run = await desk.host.begin(TEAMS["starts"], str(tmp_path))
        waiting = asyncio.create_task(desk.host.wait(run))
        while not waiting.done():
            await desk.host.ring()
            await asyncio.sleep(0.05)
        counts = [site.worker.performed for site in (first, second)]
        for site in (first, second, desk):
            await site.stop()
        return (await waiting).text, counts

    text, counts = asyncio.run(scene())
    assert text.count("done") == 3
    assert {count for (run, _), count in DONE.items() if run.startswith(str(tmp_path))} == {1}
    assert min(counts) > 0


def test_a_run_that_is_begun_for_later_is_a_row_until_then(engines, tmp_path):
    """No engine knows of it before whoever looks finds that it is due."""

    async def scene():
        desk, hand = (Site(tmp_path / "runs.db", engines()) for _ in range(2))
        hand.work()
        at = time.time() + 0.5
        run = await desk.host.begin(TEAMS["steps"], str(tmp_path), at=at)
        early = await desk.host.result(run)
        while not await desk.host.ring():
            await asyncio.sleep(0.02)
        result = await desk.host.wait(run)
        first = next(one.time for one in await desk.store.read(run) if isinstance(one.event, Settled))
        await hand.stop()
        await desk.stop()
        return early.status, result.status, first >= at

    assert asyncio.run(scene()) == ("running", "succeeded", True)


@pytest.mark.parametrize("limit", ["per_tenant", "per_team"])
def test_a_worker_has_so_many_runs_of_one_tenant_or_team_at_once(engines, limit, tmp_path):
    """The others wait for room, and all of them end."""
    GOING.clear()
    MOST.clear()

    async def scene():
        site = Site(tmp_path / "runs.db", engines(), **{limit: 2})
        site.work()
        runs = [await site.host.begin(TEAMS["busy"], f"run-{n}") for n in range(6)]
        while not all([(await site.host.result(run)).status == "succeeded" for run in runs]):
            for run in await site.store.due(site.host.clock() + 5):  # so long, nobody here waits
                await site.host.wake(run)
            await asyncio.sleep(0.01)
        await site.stop()

    asyncio.run(scene())
    assert max(MOST) == 2


def test_the_urgent_come_first_and_only_who_is_able(engines, request):
    """By priority, and by what a run needs. Temporal orders what waits for a worker, not what one waits for."""

    async def scene():
        engine = engines()
        await engine.dispatch("low", tenant="t", priority=0)
        await engine.dispatch("gpu", tenant="t", priority=3, needs=["gpu"])
        await engine.dispatch("high", tenant="t", priority=2)
        able, plain = engine.work(["gpu"]), engine.work()
        one, two = await anext(plain), await anext(plain)
        three = await anext(able)
        for work in (one, two, three):
            await work.done()
        await engine.close()
        return [one.run, two.run, three.run]

    first, second, third = asyncio.run(scene())
    given = {first, second} if "temporal" in request.node.name else [first, second]
    assert given == type(given)(("high", "low"))
    assert third == "gpu"


def test_losing_nats_delays_and_loses_nothing(broker, tmp_path):
    """Begun before the broker dies, performed after it is back."""
    from coterie.engines.nats import NatsEngine
    from coterie.errors import EngineUnavailable

    def engine():
        return NatsEngine(broker.url, queue="lost", given=0.5)

    async def scene():
        desk, hand = (Site(tmp_path / "runs.db", engine()) for _ in range(2))
        run = await desk.host.begin(TEAMS["steps"], str(tmp_path))
        broker.stop()
        with pytest.raises(EngineUnavailable):
            await desk.host.begin(TEAMS["steps"], f"{tmp_path}-later", id="later")
        hand.work()
        await asyncio.sleep(0.3)
        broker.start()
        result = await desk.host.wait(run)
        seen = [one.status for one in await desk.host.runs() if one.id == "later"]
        await desk.host.go_on()
        later = await desk.host.wait("later")
        await hand.stop()
        await desk.stop()
        return result.status, seen, later.status

    assert asyncio.run(scene()) == ("succeeded", ["interrupted"], "succeeded")
