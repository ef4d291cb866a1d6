"""A roll-out: version 2 of a team arrives while runs of version 1 are in flight, and each stays with code that fits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from coterie.doors.teams import team_of
from coterie.engines.nats import NatsEngine
from coterie.shell.host import Host
from coterie.stores.places import store_at
from tests.engines.test_processes import SOURCE
from tests.stores.servers import nats, postgres

RUNS = 50
TEAM = '''
import asyncio
from pathlib import Path
from coterie import Team, do, tool

WITNESS = Path(__file__).parents[1] / "witness"
VERSION = {version}

@tool(idempotent=True)
async def step(run: str, n: int) -> int:
    """Say outside that it was done."""
    await asyncio.sleep(0.1)
    with WITNESS.open("a") as file:
        file.write(f"{{run}} {{n}}\\n")
    return n

async def _play(task):
    for n in range(10):
        await do(step, task.text, n)
    return f"{{task.text}} by {{VERSION}}"

team = Team("steps", (), _play, settings={{"version": VERSION}})
'''


def worker(folder, url, broker):
    """A worker in a folder of its own, as one image is: what is there is the code that it has."""
    command = ["worker", "--store", url, "--engine", broker.url, "--queue", "rollout", "--grace", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "coterie", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "working on" in process.stderr.readline()
    return process


def image(tmp_path, version):
    """The folder of a version; both call their team the same."""
    folder = tmp_path / f"v{version}"
    folder.mkdir()
    (folder / "team.py").write_text(TEAM.format(version=version))
    return folder


@pytest.mark.slow
def test_a_new_version_comes_while_runs_are_in_flight(tmp_path):
    """Each run ends with the version that it began with, whichever worker is given it, and no step is done twice."""
    old, new = image(tmp_path, 1), image(tmp_path, 2)
    origin = {"team": "team.py:team"}

    async def scene(url, broker, workers):
        store = store_at(url)
        engine = NatsEngine(broker.url, queue="rollout")

        def host(folder):
            team = team_of({"team": f"{folder / 'team.py'}:team"})
            return team, Host(store, actor_of=lambda _: team, engine=engine)

        (one, first), (two, second) = host(old), host(new)
        workers += [worker(old, url, broker) for _ in range(2)]
        before = [await first.begin(one, f"old-{n}", id=f"old-{n}", origin=origin) for n in range(RUNS)]
        while not (tmp_path / "witness").exists():
            await asyncio.sleep(0.01)
        workers += [worker(new, url, broker) for _ in range(2)]
        after = [await second.begin(two, f"new-{n}", id=f"new-{n}", origin=origin) for n in range(10)]
        workers[0].send_signal(signal.SIGTERM)  # what it has under way is given back
        results = await asyncio.wait_for(asyncio.gather(*(first.wait(run) for run in before + after)), 60)
        journals = [await store.verify(run) for run in before + after]
        await engine.close()
        await store.close()
        return [one.text for one in results], journals

    workers: list[subprocess.Popen[str]] = []
    with nats() as broker, postgres() as url:
        try:
            texts, journals = asyncio.run(scene(url, broker, workers))
        finally:
            for process in workers:
                process.kill()
                process.wait()
                process.stderr.close()
    assert texts == [f"old-{n} by 1" for n in range(RUNS)] + [f"new-{n} by 2" for n in range(10)]
    assert journals == [[]] * (RUNS + 10)
    done = Counter((tmp_path / "witness").read_text().splitlines())
    assert len(done) == (RUNS + 10) * 10
    # Only what the worker that was stopped had under way, one step a run, may have been done twice.
    assert sum(done.values()) - len(done) <= RUNS
