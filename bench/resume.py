"""Resuming: from a file on disk to a run that stands where it stood."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.figures import Figure, cost
from bench.limits import read_pages
from bench.race import Effort, looped, plainly, race
from bench.stores import steps
from coterie.shell.run import resume, run
from coterie.stores.sqlite import SqliteStore
from coterie.team import Team
from coterie.words.effect import Ask
from coterie.words.task import Task

EFFECTS = (100, 2_000, 5_000)
TARGETS = {2_000: 50, 5_000: 60}
"""Milliseconds, by effects."""


async def steps_and_a_question(task: Task) -> str:
    """Many steps, and then a question that nobody answers: the run is parked."""
    await steps(task)
    return str(await Ask("Go on?"))


PARKED = Team("parked", (), steps_and_a_question)


async def _park(path: Path, count: int) -> None:
    store = SqliteStore(path)
    await run(PARKED, Task("work", data=count), store=store, id="parked")
    await store.close()


async def _resumed(path: Path, _: int) -> None:
    store = SqliteStore(path)
    result = await resume(PARKED, "parked", store=store)
    assert result.status == "waiting"
    await store.close()


async def _gone_on_with(path: Path, count: int) -> None:
    store = SqliteStore(path)
    result = await run(PARKED, Task("work", data=count), store=store, id="parked")
    assert result.status == "waiting"
    await store.close()


def figures(effort: Effort) -> Iterator[Figure]:
    """Opening the file, reading the journal and replaying it to its end, in milliseconds."""
    for count in EFFECTS:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            asyncio.run(_park(path, count))
            ways = [looped(partial(way, path, count)) for way in (_resumed, _gone_on_with)]
            resumed, gone_on, limit = race(effort.laps, *ways, plainly(partial(read_pages, path)))
        of, target = "select and decode of the same pages", TARGETS.get(count)
        what = f"resume of {count:,} effects"
        yield cost(what, 1, resumed, limit, of, unit="ms", target=target)
        yield cost(f"{what}, by run(id=)", 1, gone_on, limit, of, unit="ms", target=target)
