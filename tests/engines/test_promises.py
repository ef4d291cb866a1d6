"""Every engine keeps what `coterie.testing.EnginePromises` says, on a real server where it has one."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
from click.testing import CliRunner

from coterie import Agent
from coterie.doors.cli.commands import coterie
from coterie.engines import nats as nats_engine
from coterie.engines.local import LocalEngine
from coterie.engines.nats import NatsEngine
from coterie.engines.places import engine_at
from coterie.engines.temporal import TemporalEngine
from coterie.errors import EngineUnavailable
from coterie.models import Gate, scripted
from coterie.shell.host import Host
from coterie.shell.stage import UNTOLD
from coterie.shell.worker import Worker
from coterie.stores import MemoryStore
from coterie.testing import EnginePromises
from tests.http.serving import TOKEN

_queues = itertools.count()


class TestLocalEngine(EnginePromises):
    ACROSS = False

    @pytest.fixture(autouse=True)
    def _one(self):
        self._engine = LocalEngine()

    def engine(self):
        return self._engine


class TestNatsEngine(EnginePromises):
    @pytest.fixture(autouse=True)
    def _cluster(self, broker):
        self._url, self._queue = broker.url, f"promises{next(_queues)}"

    def engine(self):
        return NatsEngine(self._url, queue=self._queue, given=self.GIVEN)


class TestTemporalEngine(EnginePromises):
    @pytest.fixture(autouse=True)
    def _cluster(self, workflows):
        self._url, self._queue = workflows.url, f"promises{next(_queues)}"

    def engine(self):
        return TemporalEngine(self._url, queue=self._queue, given=self.GIVEN)


def test_what_was_given_too_often_is_put_aside(broker, monkeypatch):
    """A run that nobody ever finishes is counted as given up, and troubles nobody any more."""
    monkeypatch.setattr(nats_engine, "TRIES", 3)

    async def scene():
        engine = NatsEngine(broker.url, queue="dead", given=0.5)
        await engine.dispatch("hopeless", tenant="t")
        await engine.dispatch("fine", tenant="t", priority=0)
        given, seen = engine.work(), []
        while "fine" not in seen:
            work = await anext(given)
            seen.append(work.run)
            await (work.done() if work.run == "fine" else work.again())
        async with asyncio.timeout(10):
            while [(one.depth, one.dead) for one in await engine.queues()] != [(0, 1)]:
                await asyncio.sleep(0.01)  # the broker has not taken note of it yet
        await engine.close()
        return seen

    assert asyncio.run(scene()) == ["hopeless"] * 3 + ["fine"]


@pytest.mark.parametrize(("shared", "most"), [(True, 80), (False, 200)])
def test_p18_hosts_share_the_pace_of_a_key(broker, shared, most):
    """Two hosts with one key ask together as often as one may; each by itself would ask twice as often."""

    async def scene():
        engines = [NatsEngine(broker.url, queue="paced") for _ in range(2)]
        gates = [Gate(rate=600, at_once=1000) for _ in engines]
        for gate, engine in zip(gates, engines, strict=True):
            gate.share(("p18", "key", str(shared)), engine.paces if shared else None)
        count = 0

        async def ask(gate):
            nonlocal count
            while True:
                async with gate.admitted(1):
                    count += 1

        asking = [asyncio.create_task(ask(gate)) for gate in gates]
        began = asyncio.get_running_loop().time()
        await asyncio.wait(asking, timeout=1.0)
        took = asyncio.get_running_loop().time() - began
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for engine in engines:
            await engine.close()
        return count, took

    count, took = asyncio.run(scene())
    assert count <= most + 10 * (took - 1.0)
    assert count > most / 2


def test_p18_one_host_that_is_told_too_many_stops_all(broker):
    """The key is closed for the others, for as long as the provider said."""

    async def scene():
        engines = [NatsEngine(broker.url, queue="paced") for _ in range(2)]
        whose = ("p18", "closed")
        await engines[0].paces.close(whose, 5.0)
        waits = [await one.paces.take(whose, (600, None), (1, 1)) for one in engines]
        for engine in engines:
            await engine.close()
        return waits

    assert [4 < one <= 5 for one in asyncio.run(scene())] == [True, True]


@pytest.mark.parametrize(("kind", "seconds"), [("broker", "0.5"), ("workflows", "10")])
def test_the_cluster_at_the_command_line(request, kind, seconds, tmp_path):
    """What waits, who works, and how runs stand: for people, and as JSON. Temporal knows when all have said."""
    store, url = str(tmp_path / "runs.db"), request.getfixturevalue(kind).url

    def said(*words):
        done = CliRunner().invoke(
            coterie,
            ["cluster", "--engine", url, "--queue", "seen", "--store", store, "--seconds", seconds, *words],
        )
        return done.exit_code, done.stdout

    async def scene():
        engine = engine_at(url, "seen")
        await engine.dispatch("r", tenant="t", needs=["gpu"])
        worker = Worker(engine, lambda _: None, has=["eu"])
        await engine.answer(worker.hand)
        async with asyncio.timeout(20):
            while not (await engine.queues() and await engine.workers()):
                pass  # the server has not taken note of it yet
        seen = [await asyncio.to_thread(said, *words) for words in ((), ("--json",))]
        await engine.close()
        return seen

    (code, text), (_, data) = asyncio.run(scene())
    survey = msgspec.json.decode(data)
    assert code == 0
    assert "1 waiting" in text
    assert "has eu" in text
    assert (survey["cluster"]["depth"], survey["cluster"]["queues"][0]["needs"]) == (1, ["gpu"])
    assert survey["runs"] == {}
    assert (
        CliRunner().invoke(coterie, ["cluster", "--store", store], env={"COTERIE_ENGINE": ""}).exit_code == 2
    )


def test_a_service_says_how_its_cluster_stands(broker, tmp_path):
    """`GET /v1/cluster`, for autoscaling; a service without an engine says that it has none."""
    import httpx

    from coterie.doors.http.app import application
    from coterie.doors.http.keys import KeyRing
    from coterie.doors.http.library import Library
    from coterie.doors.http.service import Service

    async def asked(engine):
        service = Service(
            Library(["research"]), KeyRing(tmp_path / "keys.db"), lambda _: MemoryStore(), engine=engine
        )
        app = application(service, token=TOKEN)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8700"
        ) as client:
            return await client.get("/v1/cluster", headers={"authorization": f"Bearer {TOKEN}"})

    async def scene():
        engine = NatsEngine(broker.url, queue="served", given=0.5)
        await engine.dispatch("r", tenant="t")
        with_one = await asked(engine)
        await engine.close()
        return with_one.json(), (await asked(None)).status_code

    seen, without = asyncio.run(scene())
    assert (seen["depth"], seen["workers"], without) == (1, [], 404)


def test_a_run_is_dispatched_as_urgently_as_it_was_begun():
    """And to whoever has what it needs, when it is gone on with, too."""

    async def scene():
        engine, store = LocalEngine(), MemoryStore()
        host = Host(store, actor_of=lambda _: Agent("a"), model=lambda _: scripted("x"), engine=engine)
        run = await host.begin(Agent("a"), "go", priority=3, needs=["gpu"])
        [first] = await engine.queues()
        await anext(engine.work(["gpu"]))
        await host.wake(run)
        [again] = await engine.queues()
        return [(one.priority, one.needs) for one in (first, again)]

    assert asyncio.run(scene()) == [(3, ("gpu",)), (3, ("gpu",))]


def test_a_run_that_no_worker_could_be_told_of_is_due_again_soon():
    """An engine that is lost when a time has come delays the run by a second, and not by a whole turn."""

    class Lost(LocalEngine):
        async def dispatch(self, run, /, **_):
            raise EngineUnavailable(f"nobody can be told of {run}")

    async def scene():
        store, now = MemoryStore(), 100.0
        host = Host(
            store,
            actor_of=lambda _: Agent("a"),
            model=lambda _: scripted("x"),
            engine=Lost(),
            clock=lambda: now,
        )
        run = await host.begin(Agent("a"), "go", at=now)
        rung = await host.ring()
        return rung, await store.due(now), await store.due(now + UNTOLD) == [run]

    assert asyncio.run(scene()) == (1, [], True)
