"""Bytes on disk: how many a step takes, and how many for each that is unlike every other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import cast
from bench.figures import Figure
from bench.limits import Log
from bench.race import Effort
from bench.stores import SIZE, fill
from coterie.actor import gather
from coterie.ports import Store
from coterie.shell.run import run
from coterie.stores.sqlite import SqliteStore
from coterie.team import Team
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

STEPS = 2_000
CONTEXT, CALLS = 200_000, 50
TWICE = 2.0
"""Bytes that may be stored for each unique one."""


async def reads(think: Any) -> Message:
    """A model with an answer of its own for every question, 100 letters long."""
    text = f"{think.thread[-1].text:>100}"
    return Message(sender=think.actor, text=text, usage=cast.SPENT)


def shared() -> Team:
    """Many parallel calls of one agent, on one long context."""
    agent = cast.ours(model=reads)

    async def play(task: Task) -> str:
        context = Thread((Message(sender="user", text=task.text),))
        await gather(*(agent(Task(f"question {n}", context)) for n in range(CALLS)))
        return "done"

    return Team("shared", (agent,), play)


async def _ask_about(store: Store) -> None:
    text = "".join(f"{n:010d}" for n in range(CONTEXT // 10))
    result = await run(shared(), text, store=store)
    assert result.status == "succeeded"


async def _work(store: Store) -> None:
    await fill(store, 1, STEPS)


async def _kept(work: Callable[[Store], Awaitable[None]]) -> int:
    """Bytes of the file that `work` leaves behind."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        store = SqliteStore(path)
        await work(store)
        await store.close()
        return path.stat().st_size


async def _bare(rows: int, size: int) -> int:
    """Bytes of a file with as many rows, and nothing else in it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        log = Log(path, "normal")
        await log.fill(1, rows, size)
        log.db.close()
        return path.stat().st_size


def figures(_: Effort) -> Iterator[Figure]:
    """Bytes a step, and bytes stored for each unique byte, the whole file counted."""
    kept, bare = asyncio.run(_kept(_work)), asyncio.run(_bare(STEPS, SIZE))
    yield _figure(f"bytes a step of {SIZE:,} bytes", kept / STEPS, "B", None, bare / STEPS)
    unique = STEPS * SIZE
    yield _figure(f"{STEPS:,} steps of 1 KB, of unique bytes", kept / unique, "x", TWICE, bare / unique)
    kept, bare = asyncio.run(_kept(_ask_about)), asyncio.run(_bare(1, CONTEXT))
    unique = CONTEXT + CALLS * 100
    what = f"{CONTEXT // 1000} KB shared by {CALLS} calls, of unique bytes"
    yield _figure(what, kept / unique, "x", TWICE, bare / unique)


def _figure(what: str, ours: float, unit: str, target: float | None, limit: float) -> Figure:
    of = "a file with those bytes in rows"
    return Figure(what=what, ours=ours, unit=unit, target=target, limit=limit, of=of, times=ours / limit)
