"""The service under load: 200 callers at once over HTTP, each run begun and its events streamed to the end.

Then 200 runs at once whose service is killed in the middle and started again: every caller comes back with the number
of its last event, and sees each event once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from msgspec import Struct

from bench.caller import GONE, Caller, Refused
from bench.figures import Figure
from bench.race import Effort
from coterie.client import AsyncClient
from coterie.stores.sqlite import SqliteStore
from coterie.words.which import ALL

CALLERS, EACH = 200, 5
"""Callers at once, and how many runs each begins, one after the other."""
TEAM = """
import asyncio
from coterie import Agent
from coterie.models import scripted
from coterie.patterns import debate

says = scripted(lambda think: f"{think.actor} has read {len(think.thread)}")

async def slowly(think):
    await asyncio.sleep(0.2)
    return await says(think)

def panel(model):
    return debate(Agent("hope", model=model), Agent("doubt", model=model), judge=Agent("judge", model=model), rounds=2)

quick, slow = panel(says), panel(slowly)
"""
TOKEN = "t"


def figures(effort: Effort) -> Iterator[Figure]:
    """Requests a second, times to the last event, the memory of the service, and what a kill costs."""
    each = effort.of(EACH)
    laps = [lap(each) for _ in range(min(effort.laps, 3))]
    rate, by_cpu = max(one.rate for one in laps), max(one.by_cpu for one in laps)
    best = min(laps, key=lambda one: one.of(99))
    yield Figure(what="requests of 200 callers", ours=rate, cpu=by_cpu, unit="requests/s", target=300)
    yield Figure(what="from asking for a run to its last event, p50", ours=best.of(50), unit="ms")
    yield Figure(what="from asking for a run to its last event, p99", ours=best.of(99), unit="ms")
    yield Figure(what="peak memory of the service", ours=best.memory, unit="MB")
    wall, cpu = with_our_client()
    yield Figure(what="a run begun and streamed with coterie.client, of 200", ours=wall, cpu=cpu, unit="ms")
    killed = killing()
    yield Figure(what="killed: events lost or seen twice", ours=killed.wrong, unit="events", target=0)
    yield Figure(what="killed: from its start to the last event of 200 runs", ours=killed.seconds, unit="s")


class Lap(Struct, frozen=True):
    """What came of one go: requests a second, milliseconds a run in order, and megabytes."""

    rate: float
    by_cpu: float
    """Requests a second of the service's CPU time."""
    times: list[float]
    memory: float

    def of(self, percent: int) -> float:
        """The time that so many percent of the runs took at most."""
        return self.times[min(len(self.times) * percent // 100, len(self.times) - 1)]


class Killed(Struct, frozen=True):
    """What came of a kill: events that were not seen once, and seconds until all were back and done."""

    wrong: int
    seconds: float


def lap(each: int) -> Lap:
    """One go at a service that was just started."""
    with tempfile.TemporaryDirectory() as folder, Process(Path(folder)) as process:
        asyncio.run(_calls(process.url, 2))  # what is loaded at the first request
        began, before = time.perf_counter(), process.cpu()
        times = asyncio.run(_at_once(process.url, each))
        took, busy = time.perf_counter() - began, process.cpu() - before
        return Lap(2 * len(times) / took, 2 * len(times) / busy, sorted(times), process.peak())


async def _at_once(url: str, each: int) -> list[float]:
    done = await asyncio.gather(*(_calls(url, each) for _ in range(CALLERS)))
    return [one for times in done for one in times]


async def _calls(url: str, count: int) -> list[float]:
    """Begin runs one after the other, and stream each; the milliseconds that each took."""
    caller, times = Caller(url, TOKEN), list[float]()
    for _ in range(count):
        began = time.perf_counter()
        run = await caller.begin("quick", "Rust?", uuid.uuid4().hex)
        kinds = [kind async for _, kind in caller.events(run, -1)]
        assert kinds[-1] == b"closed"
        times.append((time.perf_counter() - began) * 1_000)
    caller.close()
    return times


def with_our_client() -> tuple[float, float]:
    """What a run costs where 200 are begun at once and streamed by one client: milliseconds, and those of its CPU."""
    with tempfile.TemporaryDirectory() as folder, Process(Path(folder)) as process:
        asyncio.run(_calls(process.url, 2))
        began, before = time.perf_counter(), time.process_time()
        asyncio.run(_streamed(process.url))
        wall, cpu = time.perf_counter() - began, time.process_time() - before
        return wall * 1_000 / CALLERS, cpu * 1_000 / CALLERS


async def _streamed(url: str) -> None:
    async def one() -> None:
        run = await client.start("quick", "Rust?")
        assert [seen.type async for seen in client.events(run.id)][-1] == "closed"

    async with AsyncClient(url, TOKEN) as client:
        await asyncio.gather(*(one() for _ in range(CALLERS)))


def killing() -> Killed:
    """Runs at once whose service is killed when half of their events were seen, and started again."""
    with tempfile.TemporaryDirectory() as folder, Process(Path(folder)) as process:
        seen, seconds = asyncio.run(_through(process))
        process.stop()
        return Killed(asyncio.run(_wrong(Path(folder) / "runs.db", seen)), seconds)


async def _through(process: Process) -> tuple[dict[str, list[int]], float]:
    seen: dict[str, list[int]] = {}
    watching = [asyncio.ensure_future(_watch(process.url, seen)) for _ in range(CALLERS)]
    half = CALLERS * 15
    while len(seen) < CALLERS or sum(map(len, seen.values())) < half:  # noqa: ASYNC110 - 200 would have to say so
        await asyncio.sleep(0.01)
    process.kill()
    began = time.perf_counter()
    await asyncio.to_thread(process.start)
    await asyncio.gather(*watching)
    return seen, time.perf_counter() - began


async def _watch(url: str, seen: dict[str, list[int]]) -> None:
    """Begin a run and see it to its end, whatever becomes of the connection."""
    key, run, caller = uuid.uuid4().hex, "", Caller(url, TOKEN)
    while True:
        try:
            run = run or await caller.begin("slow", "Rust?", key)
            numbers = seen.setdefault(run, [])
            async for number, kind in caller.events(run, numbers[-1] if numbers else -1):
                numbers.append(number)
                if kind == b"closed":
                    caller.close()
                    return
        except (*GONE, Refused, ValueError):
            await asyncio.sleep(0.05)
        caller.close()


async def _wrong(place: Path, seen: dict[str, list[int]]) -> int:
    """How many events of the journals in a store were not seen once."""
    store = SqliteStore(place)
    try:
        kept = {one.id: one.events for one in await store.runs(ALL)}
        assert {one.status for one in await store.runs(ALL)} == {"succeeded"}
    finally:
        await store.close()
    assert kept.keys() == seen.keys()
    return sum(abs(seen[id].count(n) - 1) for id, events in kept.items() for n in range(events))


class Process:
    """A service in a process and on a port of its own; used as a context manager, it is stopped on the way out."""

    def __init__(self, folder: Path) -> None:
        (folder / "team.py").write_text(TEAM)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self._port: int = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; back when it answers."""
        teams = ["quick=team.py:quick", "slow=team.py:slow"]
        options = ["--port", str(self._port), "--store", "runs.db", "--rate", "1000000"]
        source = str(Path(__file__).parents[1] / "src")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "coterie", "serve", *teams, *options],
            cwd=self._folder,
            env={**os.environ, "COTERIE_TOKEN": TOKEN, "PYTHONPATH": source},
            stderr=subprocess.DEVNULL,
        )
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the service ended at once, with {self._process.returncode}")

    def stop(self) -> None:
        """End it as an operator does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def cpu(self) -> float:
        """Seconds of CPU time that it has had (proc(5), utime and stime)."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak(self) -> float:
        """The most memory that it has had, in megabytes (proc(5), VmHWM)."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) / 1_024 if found else 0.0
