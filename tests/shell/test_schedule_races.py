"""Schedules of one name, added and changed by processes at the same time: one of them does, the others are told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter

import pytest

from coterie.doors.teams import team_of_run
from coterie.shell import schedule as kept
from coterie.shell.host import Host
from coterie.stores.places import store_at
from tests.stores.servers import postgres

PROCESSES = 4
ROUNDS = 8
SCENE = """
import asyncio, sys
from coterie.doors.teams import team_of_run
from coterie.errors import CoterieError
from coterie.shell import schedule as kept
from coterie.shell.host import Host
from coterie.shell.schedule import Scheduled
from coterie.stores.places import store_at

async def scene():
    store = store_at(sys.argv[1])
    host = Host(store, actor_of=team_of_run, parks=0.0)
    await store.runs()
    print("ready", flush=True)
    for line in sys.stdin:
        name, *version = line.split()
        what = Scheduled(name=name, cron="@daily", team=sys.argv[2])
        try:
            if version:
                made = await kept.change(host, what, int(version[0]))
            else:
                made = await kept.add(host, what)
            print("did", made.version, flush=True)
        except CoterieError as error:
            print(type(error).__name__, error.message, flush=True)
    await host.close()
    await store.close()

asyncio.run(scene())
"""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """Where a store is that many processes use."""
    if request.param == "sqlite":
        yield str(tmp_path / "runs.db")
        return
    with postgres() as url:
        yield url


def racing(place):
    """Processes that wait for a line each, and then do what it says."""
    made = [
        subprocess.Popen(
            [sys.executable, "-c", SCENE, place, f"team-{n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for n in range(PROCESSES)
    ]
    assert [one.stdout.readline() for one in made] == ["ready\n"] * PROCESSES
    return made


def raced(processes, line):
    """What each of them says to the same line at the same time."""
    for one in processes:
        one.stdin.write(f"{line}\n")
        one.stdin.flush()
    return [one.stdout.readline().strip() for one in processes]


def test_one_of_many_adds_or_changes_a_schedule(place):
    """Whoever is too late has added and changed nothing, and is told what stands in the way."""
    processes = racing(place)
    try:
        added = [raced(processes, f"news{n}") for n in range(ROUNDS)]
        changed = [raced(processes, f"news{n} 1") for n in range(ROUNDS)]
    finally:
        for one in processes:
            one.communicate(timeout=60)

    async def standing():
        store = store_at(place)
        host = Host(store, actor_of=team_of_run, parks=0.0)
        alive = [one.run for one in await kept._alive(host)]
        await host.close()
        await store.close()
        return Counter(alive)

    for said in added:
        assert sorted(one.partition(" ")[0] for one in said) == ["Busy"] * (PROCESSES - 1) + ["did"]
        assert all("there is a schedule" in one for one in said if one.startswith("Busy"))
    for said in changed:
        assert sorted(one.partition(" ")[0] for one in said) == ["Changed"] * (PROCESSES - 1) + ["did"]
    assert asyncio.run(standing()) == Counter({f"schedule-news{n}.2": 1 for n in range(ROUNDS)})
