"""Steps of 1 KB: in memory and on SQLite, for one run and for many at once, at each durability."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from bench.figures import Figure, cost, rate
from bench.limits import Log
from bench.race import Effort, Lap, Work, race, timed
from coterie.actor import do
from coterie.ports import Store
from coterie.shell.run import run
from coterie.stores.memory import MemoryStore
from coterie.stores.sqlite import LAG, Durability, SqliteStore
from coterie.team import Team
from coterie.words.task import Task

SIZE = 1_000
"""Bytes that a step gives; no two steps give the same."""
SHAPES = {1: 500, 10: 100, 100: 100, 1_000: 10}
"""Steps a run, by how many runs there are at once."""
SYNCHRONOUS = {"relaxed": "off", "normal": "normal", "full": "full"}
TARGETS = {("normal", 100): 45_000, ("full", 100): 35_000}
_number = count()


async def kilobyte() -> str:
    """1,000 bytes that nobody was ever given before."""
    return f"{next(_number):0{SIZE}d}"


async def steps(task: Task) -> str:
    """As many steps as the task says, one after the other."""
    said = ""
    for _ in range(task.data):
        said = await do(kilobyte)
    return said[-8:]


WORK = Team("work", (), steps)


async def fill(store: Store, runs: int, each: int) -> None:
    """`runs` runs at once, of `each` steps."""
    async with asyncio.TaskGroup() as group:
        for _ in range(runs):
            group.create_task(run(WORK, Task("work", data=each), store=store))


async def _ours(durability: str, runs: int, each: int) -> Lap:
    if durability == "memory":
        return await timed(partial(fill, MemoryStore(), runs, each))
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "bench.db", durability=cast("Durability", durability))
        try:
            return await timed(partial(fill, store, runs, each))
        finally:
            await store.close()


async def _bare(durability: str, runs: int, each: int, size: int) -> Lap:
    lag = LAG if durability == "relaxed" else None
    with TemporaryDirectory() as folder:
        log = Log(Path(folder) / "bench.db", SYNCHRONOUS[durability], lag)
        try:
            return await timed(partial(log.fill, runs, each, size))
        finally:
            log.db.close()


async def _nothing(runs: int, each: int) -> Lap:
    """The same function called as often by as many tasks, and nothing kept."""

    async def work() -> list[str]:
        return [await kilobyte() for _ in range(each)]

    async def all_of_it() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(runs):
                group.create_task(work())

    return await timed(all_of_it)


async def _stored(each: int) -> int:
    """Bytes that a store keeps a step of this play, without what SQLite adds."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        store = SqliteStore(path)
        await fill(store, 1, each)
        await store.close()
        db = sqlite3.connect(path)
        [(kept,)] = db.execute("select sum(length(places) + length(body)) from packs")
        db.close()
        return int(kept) // each


def figures(effort: Effort) -> Iterator[Figure]:
    """Steps a second in each place, beside the bare function or the bare append of the same bytes."""
    size = asyncio.run(_stored(100))
    for durability in ("memory", *SYNCHRONOUS):
        for runs, each in SHAPES.items():
            some = max(10, effort.of(each))
            yield _figure(durability, runs, some, size, effort.laps)


def _figure(durability: str, runs: int, each: int, size: int, laps: int) -> Figure:
    in_memory, is_full = durability == "memory", durability == "full"
    of = "the same function called by tasks" if in_memory else f"bare grouped append of {size:,} bytes a step"
    ours, limit = race(laps, _work(durability, runs, each), _limit(durability, runs, each, size))
    where = "in memory" if in_memory else f"on SQLite, {durability}"
    within = None if in_memory else 2
    if runs == 1:
        what = f"a step {where}, a lone run"
        target = 150 if durability == "normal" else None
        return cost(what, each, ours, limit, of, target=target, within=within, waits=is_full)
    what = f"steps {where}, {runs:,} runs at once"
    target = TARGETS.get((durability, runs))
    return rate(
        what, runs * each, ours, limit, of, unit="steps/s", target=target, within=within, waits=is_full
    )


def _work(durability: str, runs: int, each: int) -> Work:
    return lambda: asyncio.run(_ours(durability, runs, each))


def _limit(durability: str, runs: int, each: int, size: int) -> Work:
    if durability == "memory":
        return lambda: asyncio.run(_nothing(runs, each))
    return lambda: asyncio.run(_bare(durability, runs, each, size))
