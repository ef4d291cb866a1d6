"""Memory that idle things take: agents nobody calls, and runs that are parked."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import cast
from bench.figures import Figure
from bench.fresh import child, memory, tell
from bench.limits import Log
from bench.race import Effort
from coterie.agent import Agent
from coterie.shell.run import run
from coterie.stores.sqlite import SqliteStore
from coterie.team import Team
from coterie.words.effect import Ask
from coterie.words.task import Task

MANY, AT_ONCE = 10_000, 500
SHORT = 100_000
"""Short runs, over which memory may grow by five per cent."""


async def asks(_: Task) -> str:
    """Ask a person, and wait."""
    return str(await Ask("May I?"))


async def _agents(count: int) -> None:
    _weigh(count, cast.ours)


async def _agents_by_hand(count: int) -> None:
    _weigh(count, cast.theirs)


def _weigh(count: int, make: Callable[[str], object]) -> None:
    """Tell what each thing takes that `make` gives, by what Python allocates for it."""
    make("first")
    tracemalloc.start()
    kept: Sequence[object] = [make(f"agent{n}") for n in range(count)]
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tell(kb=size / 1e3 / len(kept))


async def _parked(count: int) -> None:
    """Park runs, some at once; the first thousand warm the process up and are not counted."""
    team = Team("asks", (), asks)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        store = SqliteStore(path)
        await _park(team, store, 1_000)
        before = memory()
        await _park(team, store, count)
        gc.collect()
        after = memory()
        await store.close()
        tell(kb=max(0.0, after - before) * 1e3 / count, disk=path.stat().st_size / (count + 1_000) / 1e3)


async def _park(team: Team, store: SqliteStore, count: int) -> None:
    for _ in range(0, count, AT_ONCE):
        async with asyncio.TaskGroup() as group:
            some = [group.create_task(run(team, "go", store=store)) for _ in range(AT_ONCE)]
        assert all(task.result().status == "waiting" for task in some)


async def _short(count: int) -> None:
    """Run an agent again and again; a tenth as often warms the process up, and is not counted."""
    agent = cast.ours()
    await _again(agent, count // 10)
    gc.collect()
    before = memory()
    await _again(agent, count)
    gc.collect()
    tell(percent=max(0.0, memory() / before - 1) * 100)


async def _again(agent: Agent, count: int) -> None:
    for _ in range(count):
        result = await run(agent, "Will it rain?")
        assert result.status == "succeeded"


async def _rows(count: int) -> None:
    """A file with a row a run, as small as one can be."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        log = Log(path, "normal")
        await log.fill(1, count, 100)
        log.db.close()
        tell(disk=path.stat().st_size / count / 1e3)


KINDS: dict[str, Callable[[int], Coroutine[Any, Any, None]]] = {
    "agents": _agents,
    "agents_by_hand": _agents_by_hand,
    "parked": _parked,
    "rows": _rows,
    "short": _short,
}


def figures(effort: Effort) -> Iterator[Figure]:
    """Kilobytes an idle agent and a parked run, each kind in a fresh process."""
    many = max(AT_ONCE, effort.of(MANY))
    found = {kind: child("bench.memory", kind, many) for kind in KINDS if kind != "short"}
    ours, limit = found["agents"]["kb"], found["agents_by_hand"]["kb"]
    yield _figure(f"memory of each of {many:,} idle agents", ours, limit, "hand-written agents")
    parked, row = found["parked"], found["rows"]["disk"]
    what = f"memory left by each of {many:,} parked runs"
    yield Figure(what=what, ours=parked["kb"], unit="KB")
    what = f"disk of each of {many:,} parked runs"
    yield _figure(what, parked["disk"], row, "a row of 100 bytes each")
    runs = effort.of(SHORT)
    grown = child("bench.memory", "short", runs)["percent"]
    yield Figure(what=f"memory grown in {runs:,} short runs", ours=grown, unit="%", target=5)


def _figure(what: str, ours: float, limit: float, of: str) -> Figure:
    return Figure(what=what, ours=ours, unit="KB", limit=limit, of=of, times=ours / limit)


if __name__ == "__main__":
    asyncio.run(KINDS[sys.argv[1]](int(sys.argv[2])))
