"""What is asked of a replica about a run that a worker in another process performs, over PostgreSQL and NATS."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from coterie.client import AsyncClient
from coterie.doors.cli.serving import Serving
from coterie.wire.export import read
from tests.http.serving import TOKEN, served
from tests.stores.servers import nats, postgres

SOURCE = str(Path(__file__).parents[2] / "src")
TEAM = """
import os
from coterie import Ask, Team, do, tool

@tool(idempotent=True)
def whose() -> int:
    return os.getpid()

async def _play(task):
    first = await do(whose)
    answer = await Ask(f"{task.text}?", "choice", ("yes", "no"))
    return f"{task.text} {answer} {first == await do(whose)}"

team = Team("steps", (), _play)
"""


@pytest.fixture(scope="module")
def places():
    with nats() as broker, postgres() as url:
        yield broker.url, url


@pytest.fixture
def working(places, tmp_path):
    """A worker as somebody else's process."""
    broker, url = places
    (tmp_path / "team.py").write_text(TEAM)
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), SOURCE])
    process = subprocess.Popen(
        [sys.executable, "-m", "coterie", "worker", "--store", url, "--engine", broker],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "working on" in process.stderr.readline()
    yield process
    process.kill()
    process.communicate()


def test_a_replica_shows_forks_compares_and_exports_what_a_worker_performs(
    places, working, tmp_path, monkeypatch
):
    """Events each once and in order, from any number on; a fork ends as it is answered elsewhere; all say the same."""
    broker, url = places
    monkeypatch.chdir(tmp_path)
    told = Serving(store=url, engine=broker, token=TOKEN, teams=(f"steps={tmp_path / 'team.py'}:team",))
    one, two = told.service(), told.service()

    async def answered(client, run, value):
        """What a run comes to, once its question was answered."""
        await client.wait(run)
        [asked] = [one for one in await client.approvals() if one.run == run]
        await client.answer(asked.id, value)
        return await client.wait(run)

    async def watched(client, run, after=-1):
        return [event.seq async for event in client.events(run, after)]

    async def scene():
        async with (
            served(one) as http,
            served(two) as other,
            AsyncClient(str(http.base_url), TOKEN) as first,
            AsyncClient(str(other.base_url), TOKEN) as second,
        ):
            run = (await first.start("steps", "A")).id
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watched(second, run))
                shown = await answered(first, run, "yes")
            fork = (await second.fork(run, task="B")).id
            forked = await answered(first, fork, "no")
            found = [await client.diff(run, fork) for client in (first, second)]
            files = [await client.export(run) for client in (first, second)]
            return watching.result(), shown, forked, found, files, await watched(second, run, 2)

    seen, shown, forked, found, files, rest = asyncio.run(asyncio.wait_for(scene(), 120))
    for service in (one, two):
        service.keys.close()
    assert seen == [*range(shown.events)]
    assert rest == [*range(3, shown.events)]
    assert (shown.text, forked.text) == ("A yes True", "B no True")
    assert found[0] == found[1]
    made = [read(one) for one in files]
    assert [(one.header.run, len(one.records())) for one in made] == [(shown.id, shown.events)] * 2
