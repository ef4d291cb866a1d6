"""A cluster of real processes: one begins runs, others perform them, and some are killed in the middle (P4)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from coterie.doors.teams import team_of
from coterie.engines.nats import NatsEngine
from coterie.shell.host import Host
from coterie.stores.places import store_at
from coterie.words.event import Settled
from tests.stores.servers import nats, postgres

QUEUE = "processes"
LIMIT = 20
"""Seconds for all runs; the lease of a dead worker would last longer."""
SOURCE = str(Path(__file__).parents[2] / "src")
TEAM = '''
import asyncio
from pathlib import Path
from coterie import Team, do, gather, tool

WITNESS = Path(__file__).with_name("witness")

@tool(idempotent=True)
async def step(run: str, n: int) -> int:
    """Say outside that it was done."""
    await asyncio.sleep(0.05)
    with WITNESS.open("a") as file:
        file.write(f"{run} {n}\\n")
    return n

async def _line(task, n):
    return [await do(step, task.text, 10 * n + at) for at in range(4)]

async def _play(task):
    done = await gather(*(_line(task, n) for n in range(3)))
    return f"{task.text}: {sum(map(len, done))}"

team = Team("steps", (), _play)
'''


@pytest.fixture(scope="module")
def servers():
    with nats() as broker, postgres() as url:
        yield broker, url


def worker(folder, url, broker):
    """A worker as somebody else's process would be; back once it works."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "coterie",
            "worker",
            "--store",
            url,
            "--engine",
            broker.url,
            "--queue",
            QUEUE,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], SOURCE])},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "working on" in process.stderr.readline()
    return process


def cluster(broker, url, folder):
    """Three workers, twelve runs, and two of the workers gone in the middle; what came of the runs.

    One is killed and one is asked to stop; its parent has not been told that the killed one is dead.
    """
    (folder / "team.py").write_text(TEAM)
    origin = {"team": f"{folder / 'team.py'}:team"}
    actor = team_of(origin)
    workers = [worker(folder, url, broker) for _ in range(3)]

    async def scene():
        store = store_at(url)
        engine = NatsEngine(broker.url, queue=QUEUE)
        host = Host(store, actor_of=lambda _: actor, engine=engine)
        runs = [await host.begin(actor, f"run-{n}", origin=origin) for n in range(12)]
        await asyncio.sleep(0.15)
        workers[0].kill()
        workers[1].send_signal(signal.SIGTERM)
        results = await asyncio.wait_for(asyncio.gather(*(host.wait(run) for run in runs)), LIMIT)
        journals = [await store.verify(run) for run in runs]
        await engine.close()
        await store.close()
        return results, journals

    try:
        return asyncio.run(scene())
    finally:
        for process in workers:
            process.kill()
            process.wait()
            process.stderr.close()


def every_run_ended_right(folder, results, journals):
    """Each has its answer and a whole journal, and only what was under way may have been done twice."""
    assert [one.text for one in results] == [f"run-{n}: 12" for n in range(12)]
    assert journals == [[]] * 12
    done = Counter((folder / "witness").read_text().splitlines())
    assert len(done) == 12 * 12
    assert sum(done.values()) - len(done) <= 3 * 12  # three steps of a run at most


def test_p04_workers_are_killed_and_every_run_ends_right(servers, tmp_path):
    """SIGKILL and SIGTERM: journaled steps run once, and the others take over within seconds, not a lease."""
    every_run_ended_right(tmp_path, *cluster(*servers, tmp_path))


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("n", range(30))
def test_p04_again_and_again(servers, tmp_path, n):
    """Thirty clusters, one after the other, and each time every run ends right."""
    every_run_ended_right(tmp_path, *cluster(*servers, tmp_path))


GROUP = """
from coterie import Hear, Team

async def _play(task):
    heard = 0
    while (await Hear("work", group="hands"))["body"] != "enough":
        heard += 1
    return str(heard)

team = Team("member", (), _play)
"""


def test_a_group_loses_no_message_when_a_member_is_killed(servers, tmp_path):
    """SIGKILL in the middle: what its journals have not, another hears; heard twice is at most what was under way."""
    broker, url = servers
    (tmp_path / "group.py").write_text(GROUP)
    origin = {"team": f"{tmp_path / 'group.py'}:team"}
    actor = team_of(origin)
    workers = [worker(tmp_path, url, broker) for _ in range(2)]

    async def heard(store, runs):
        found = []
        for run in runs:
            events = [record.event for record in await store.read(run)]
            found += [
                event.value["body"]
                for event in events
                if isinstance(event, Settled) and isinstance(event.value, dict)
            ]
        return Counter(found)

    async def scene():
        store = store_at(url)
        engine = NatsEngine(broker.url, queue=QUEUE)
        groups = engine.groups_of("default")
        host = Host(store, actor_of=lambda _: actor, engine=engine)
        runs = [await host.begin(actor, f"member {n}", origin=origin) for n in range(4)]
        for n in range(200):
            await groups.tell("hands", "work", {"body": n}, f"test:{n}")
            if n == 100:
                workers[0].kill()
        async with asyncio.timeout(2 * LIMIT):
            while len(found := await heard(store, runs)) < 200:
                await asyncio.sleep(0.1)
            for n in runs:
                await groups.tell("hands", "work", {"body": "enough"}, f"enough:{n}")
            results = [await host.wait(run) for run in runs]
        await engine.close()
        await store.close()
        return found, [one.status for one in results]

    try:
        found, statuses = asyncio.run(scene())
    finally:
        for process in workers:
            process.kill()
            process.wait()
            process.stderr.close()
    assert statuses == ["succeeded"] * 4
    assert sorted(found) == list(range(200))
    assert sum(found.values()) - 200 <= 4
