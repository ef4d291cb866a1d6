"""Every pattern on every store and by every engine: it comes to the same wherever and by whomever."""

from __future__ import annotations

import asyncio

import pytest

from coterie import run
from coterie.engines.local import LocalEngine
from coterie.engines.nats import NatsEngine
from coterie.engines.temporal import TemporalEngine
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.shell.worker import Worker
from coterie.stores import MemoryStore, SqliteStore
from coterie.stores.postgres import PostgresStore
from tests.stores.servers import nats, postgres, temporal
from tests.trees import PATTERNS, grown, line

TEAMS = {name: grown((name, ["says", "says"], 3)) for name in PATTERNS}
TASK = "say something"
SAYS = scripted(line)


@pytest.fixture(scope="module")
def expected():
    """What each pattern comes to in memory."""

    async def scene():
        results = {
            name: await run(team, TASK, model=SAYS, store=MemoryStore()) for name, team in TEAMS.items()
        }
        return {name: (one.status, one.text) for name, one in results.items()}

    found = asyncio.run(scene())
    assert {status for status, _ in found.values()} <= {"succeeded", "unverified"}
    return found


@pytest.fixture(scope="module")
def database():
    with postgres() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request, tmp_path):
    """Makes stores at one place, each as another process would have it; one in memory is the same for all."""
    if request.param == "memory":
        one = MemoryStore()
        return lambda: one
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "runs.db")
    url = request.getfixturevalue("database")
    return lambda: PostgresStore(url, tenant=f"t{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture(params=["local", "nats", "temporal"])
def engine(request):
    """Makes engines of one cluster, each as another process would have it."""
    queue = f"q{abs(hash(request.node.name)) % 10**9}"
    if request.param == "local":
        one = LocalEngine()
        yield lambda: one
    elif request.param == "nats":
        with nats() as server:
            yield lambda: NatsEngine(server.url, queue=queue)
    else:
        with temporal() as server:
            yield lambda: TemporalEngine(server.url, queue=queue)


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
def test_every_pattern_comes_to_the_same_on_every_store(store, expected):
    """All of them at once, read again from the place afterwards: the same end, and a journal that is whole."""

    async def scene():
        kept = store()
        results = await asyncio.gather(
            *(run(team, TASK, id=name, model=SAYS, store=kept) for name, team in TEAMS.items())
        )
        await kept.close()
        again = store()
        problems = [await again.verify(name) for name in TEAMS]
        await again.close()
        return {name: (one.status, one.text) for name, one in zip(TEAMS, results, strict=True)}, problems

    assert asyncio.run(scene()) == (expected, [[]] * len(TEAMS))


def test_every_pattern_comes_to_the_same_by_every_engine(store, engine, expected):
    """Begun here, performed by whichever of two workers is given them."""

    async def scene():
        made = []

        def host(**options):
            made.append(store())
            teams = {team.name: team for team in TEAMS.values()}
            return Host(made[-1], actor_of=lambda began: teams[began.actor], model=lambda _: SAYS, **options)

        engines = [engine() for _ in range(3)]
        desk = host(engine=engines[0])
        hands = [host(), host()]
        workers = [
            Worker(one, lambda _, hand=hand: hand) for one, hand in zip(engines[1:], hands, strict=True)
        ]
        working = [asyncio.create_task(one.work()) for one in workers]
        for name, team in TEAMS.items():
            await desk.begin(team, TASK, id=name)
        results = [await asyncio.wait_for(desk.wait(name), 60) for name in TEAMS]
        for task, one in zip(working, workers, strict=True):
            task.cancel()
            await one.drain(5)
        for one in {*engines}:
            await one.close()
        for one in (desk, *hands):
            await one.close()
        for one in made:
            await one.close()
        return {name: (one.status, one.text) for name, one in zip(TEAMS, results, strict=True)}

    assert asyncio.run(scene()) == expected
