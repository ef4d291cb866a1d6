"""The Temporal engine with real processes and a real server: what dies or is restarted loses nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter

import pytest

from coterie.doors.teams import team_of
from coterie.errors import EngineUnavailable
from coterie.shell.host import Host
from coterie.stores.places import store_at
from tests.engines.test_processes import SOURCE, TEAM
from tests.stores.servers import temporal

pytest.importorskip("temporalio")
from coterie.engines import lines
from coterie.engines.lines import TASK_QUEUE_TYPE_ACTIVITY as BURSTS
from coterie.engines.temporal import TemporalEngine

QUEUE = "processes"


@pytest.fixture(scope="module")
def server():
    with temporal(kept=True) as one:
        yield one


def worker(folder, url):
    """A worker as somebody else's process would be; back once it works."""
    command = ["worker", "--store", "runs.db", "--engine", url, "--queue", QUEUE, "--concurrency", "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "coterie", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": SOURCE},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "only workers on this machine" in process.stderr.readline()
    assert "working on" in process.stderr.readline()
    return process


@pytest.mark.slow
def test_p04_a_worker_is_killed_and_another_goes_on(server, tmp_path):
    """SIGKILL in the middle of its bursts: every run ends right, and no journaled step runs again."""
    (tmp_path / "team.py").write_text(TEAM)
    origin = {"team": f"{tmp_path / 'team.py'}:team"}
    actor = team_of(origin)
    workers = [worker(tmp_path, server.url) for _ in range(2)]

    async def scene():
        store = store_at(str(tmp_path / "runs.db"))
        engine = TemporalEngine(server.url, queue=QUEUE)
        host = Host(store, actor_of=lambda _: actor, engine=engine)
        runs = [await host.begin(actor, f"run-{n}", origin=origin) for n in range(6)]
        while not (tmp_path / "witness").exists():
            await asyncio.sleep(0.01)
        workers[0].kill()
        results = await asyncio.wait_for(asyncio.gather(*(host.wait(run) for run in runs)), 60)
        journals = [await store.verify(run) for run in runs]
        await engine.close()
        await store.close()
        return results, journals

    try:
        results, journals = asyncio.run(scene())
    finally:
        for process in workers:
            process.kill()
            process.wait()
            process.stderr.close()
    done = Counter((tmp_path / "witness").read_text().splitlines())
    assert [one.text for one in results] == [f"run-{n}: 12" for n in range(6)]
    assert journals == [[]] * 6
    assert len(done) == 6 * 12
    # Only what was under way at the kill, three steps a run at most, may have been done twice.
    assert sum(done.values()) - len(done) <= 3 * 4


def test_a_server_that_is_lost_delays_and_loses_nothing(server):
    """What was dispatched before it went is given to somebody after it is back; meanwhile, that is said."""

    async def scene():
        desk, hand = (TemporalEngine(server.url, queue="lost") for _ in range(2))
        await desk.dispatch("before", tenant="t")
        server.stop()
        with pytest.raises(EngineUnavailable, match="cannot be told of run 'meanwhile'"):
            await desk.dispatch("meanwhile", tenant="t")
        work = hand.work()
        taking = asyncio.ensure_future(anext(work))
        server.start()
        given = await asyncio.wait_for(taking, 30)
        await given.done()
        await hand.close()
        await desk.close()
        return given.run

    assert asyncio.run(scene()) == "before"


def test_a_run_that_kills_its_workers_is_given_to_nobody_in_the_end(server, monkeypatch):
    """Its workflow has failed, where Temporal shows it, and is counted; a wake-up begins anew."""
    monkeypatch.setattr("coterie.engines.temporal.DEATHS", 2)

    async def scene():
        engine = TemporalEngine(server.url, queue="deadly", given=0.3)
        await engine.dispatch("run", tenant="t")
        work = engine.work()
        given = [await anext(work), await anext(work)]  # no sign of life comes from either
        client = await engine._opened()
        handle = client.get_workflow_handle("coterie/deadly/any/3/t/run")
        while (await handle.describe()).status.name != "FAILED":
            await asyncio.sleep(0.05)
        async with asyncio.timeout(20):
            while [(one.depth, one.dead) for one in await engine.queues()] != [(0, 1)]:
                await asyncio.sleep(0.05)
        await engine.dispatch("run", tenant="t")
        given.append(await anext(work))
        await given[-1].done()
        await engine.close()
        return [one.run for one in given]

    assert asyncio.run(scene()) == ["run"] * 3


def test_a_wake_up_during_a_burst_is_followed_by_another(server):
    """Nothing that is said of a run between its last look and its end is lost."""

    async def scene():
        engine = TemporalEngine(server.url, queue="woken")
        await engine.dispatch("run", tenant="t")
        work = engine.work()
        first = await anext(work)
        await engine.dispatch("run", tenant="t")
        await engine.dispatch("run", tenant="t")
        await first.done()
        second = await anext(work)
        await second.done()
        client = await engine._opened()
        await client.get_workflow_handle("coterie/woken/any/3/t/run").result()
        await engine.close()
        return [first.run, second.run]

    assert asyncio.run(scene()) == ["run", "run"]


def test_the_urgent_come_first_of_what_waits_for_a_worker(server):
    """Whatever came while it was busy, in whatever order."""

    async def scene():
        engine = TemporalEngine(server.url, queue="urgent")
        await engine.dispatch("first", tenant="t")
        work = engine.work()
        first = await anext(work)
        for priority in (0, 2, 3, 1):
            await engine.dispatch(f"priority {priority}", tenant="t", priority=priority)
        client = await engine._opened()
        async with asyncio.timeout(20):
            for urgency in range(1, 5):  # each has to wait for a worker, and no more for its workflow
                while not (
                    await lines._waiting(client, "coterie/urgent/any", urgency, BURSTS)
                ).approximate_backlog_count:
                    await asyncio.sleep(0.01)
        given = []
        for _ in range(4):
            given.append(await anext(work))
            await given[-1].done()
        await first.done()
        await engine.close()
        return [one.run for one in given]

    assert asyncio.run(scene()) == [f"priority {n}" for n in (3, 2, 1, 0)]
