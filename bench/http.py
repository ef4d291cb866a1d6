"""Load over HTTP: runs at once on the scripted model, each begun and its events streamed to the end."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure
from bench.race import Effort
from coterie.client import AsyncClient

RUNS = 200
TEAM = """
from coterie import Agent
from coterie.models import scripted
from coterie.patterns import debate

says = scripted(lambda think: f"{think.actor} has read {len(think.thread)}")
panel = debate(
    Agent("hope", model=says), Agent("doubt", model=says), judge=Agent("judge", model=says), rounds=2
)
"""


def figures(effort: Effort) -> Iterator[Figure]:
    """Requests a second, times to the last event, and the memory of the service."""
    laps = [lap() for _ in range(min(effort.laps, 3))]
    rate, _, _, _ = max(laps)
    _, half, most, memory = min(laps, key=lambda one: one[2])
    what = f"{RUNS} runs at once over HTTP, streamed"
    yield Figure(what=f"{what}: requests", ours=rate, unit="requests/s")
    yield Figure(what=f"{what}: begun to last event, p50", ours=half, unit="ms")
    yield Figure(what=f"{what}: begun to last event, p99", ours=most, unit="ms")
    yield Figure(what=f"{what}: peak memory of the service", ours=memory, unit="MB")


def lap() -> tuple[float, float, float, float]:
    """Requests a second, p50 and p99 in milliseconds, and megabytes, of one service that was just started."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, process):
        wall, times = asyncio.run(_load(url))
        return 2 * RUNS / wall, times[RUNS // 2], times[RUNS * 99 // 100], _peak(process.pid)


async def _load(url: str) -> tuple[float, list[float]]:
    async with AsyncClient(url, "t") as client:
        for _ in range(3):
            await _one(client)
        began = time.perf_counter()
        times = await asyncio.gather(*(_one(client) for _ in range(RUNS)))
        return time.perf_counter() - began, sorted(times)


async def _one(client: AsyncClient) -> float:
    """Milliseconds from asking for a run to its last event."""
    began = time.perf_counter()
    run = await client.start("panel", "Rust?")
    kinds = [one.type async for one in client.events(run.id)]
    assert kinds[-1] == "closed"
    return (time.perf_counter() - began) * 1_000


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A service of its own process, and its address."""
    (folder / "team.py").write_text(TEAM)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    source = str(Path(__file__).parents[1] / "src")
    command = [sys.executable, "-m", "coterie", "serve", "panel=team.py:panel", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--store", "runs.db"],
        cwd=folder,
        env={**os.environ, "COTERIE_TOKEN": "t", "PYTHONPATH": source},
        stderr=subprocess.DEVNULL,
    )
    try:
        asyncio.run(_up(f"http://127.0.0.1:{port}"))
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(30)


async def _up(url: str) -> None:
    async with AsyncClient(url, "t") as client:
        await client.health()


def _peak(process: int) -> float:
    """The most memory that a process has had, in megabytes (proc(5), VmHWM)."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1_024 if found else 0.0
