"""Messages between the actors of one run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import limits
from bench.figures import Figure, rate
from bench.race import Effort, Lap, Work, looped, plainly, race, timed
from coterie.actor import gather
from coterie.kernel.machine import Machine
from coterie.shell.run import run
from coterie.stores.memory import NullStore
from coterie.stores.sqlite import SqliteStore
from coterie.team import Team
from coterie.words.effect import Hear, Send
from coterie.words.task import Task

MESSAGES, SPEAKERS = 20_000, 10
TARGET = 250_000


async def say_first(count: int) -> None:
    """Speak, then wait for the answer."""
    for _ in range(count):
        await Send("there", "hello")
        await Hear("back")


async def answer(count: int) -> None:
    """Wait to be spoken to, then answer."""
    for _ in range(count):
        await Hear("there")
        await Send("back", "hello")


async def say(count: int) -> None:
    """Speak, and go on speaking."""
    for _ in range(count):
        await Send("all", "hello")


async def listen(count: int) -> None:
    """Hear everybody."""
    for _ in range(count):
        await Hear("all")


async def to_and_fro(task: Task) -> str:
    """Two who answer each other."""
    half = task.data // 2
    await gather(say_first(half), answer(half))
    return "done"


async def many_to_one(task: Task) -> str:
    """Many who speak and one who listens."""
    each = task.data // SPEAKERS
    await gather(*(say(each) for _ in range(SPEAKERS)), listen(each * SPEAKERS))
    return "done"


def by_hand(team: Team, task: Task, *, noting: bool) -> None:
    """A machine alone: talk asks nothing of the world, so making it is all there is to do."""
    Machine(team, task, noting=noting).notes()


async def _forgotten(team: Team, task: Task) -> None:
    await run(team, task, store=NullStore())


async def _kept(team: Team, task: Task) -> Lap:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "bench.db")
        try:
            return await timed(lambda: run(team, task, store=store))
        finally:
            await store.close()


def _ways(team: Team, task: Task) -> list[tuple[str, Work, int | None]]:
    return [
        ("the kernel alone", plainly(partial(by_hand, team, task, noting=False)), TARGET),
        ("with notes", plainly(partial(by_hand, team, task, noting=True)), None),
        ("a run that keeps nothing", looped(partial(_forgotten, team, task)), TARGET),
        ("a run kept in SQLite", lambda: asyncio.run(_kept(team, task)), None),
    ]


def figures(effort: Effort) -> Iterator[Figure]:
    """Messages a second, each shape of talk in each way of keeping it."""
    count = effort.of(MESSAGES)
    shapes: list[tuple[str, Team, Callable[[], Awaitable[object]]]] = [
        ("to and fro", Team("talk", (), to_and_fro), partial(limits.to_and_fro, count)),
        ("10 to 1", Team("talk", (), many_to_one), partial(limits.many_to_one, count, SPEAKERS)),
    ]
    for shape, team, bare in shapes:
        ways = _ways(team, Task("talk", data=count))
        *ours, limit = race(effort.laps, *(work for _, work, _ in ways), looped(bare))
        for (way, _, target), lap in zip(ways, ours, strict=True):
            what = f"messages {shape}, {way}"
            yield rate(what, count, lap, limit, "asyncio.Queue between tasks", target=target)
        *_, forgotten, kept = ours
        what = f"what keeping a message adds, {shape}"
        yield Figure(what=what, ours=(kept.cpu - forgotten.cpu) / count * 1e6, unit="µs")
