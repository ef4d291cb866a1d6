"""A conversation that grows: four agents who take turns at one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cast, limits
from bench.figures import Figure, cost
from bench.race import Effort, Lap, Work, looped, race, timed
from coterie.ports import Store
from coterie.shell.run import run
from coterie.stores.memory import MemoryStore
from coterie.stores.sqlite import SqliteStore
from coterie.team import Team
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

NAMES = ("ada", "bob", "cy", "dee")
ROUNDS = (25, 100, 400)
TARGETS = {1_600: 200}
"""Milliseconds, by turns."""
SAID = "Talk about the weather."


def chat(turns: int) -> Team:
    """A team whose members take turns; each prompt is the conversation so far."""
    agents = [cast.ours(name) for name in NAMES]

    async def play(task: Task) -> Message:
        thread = Thread((Message(sender="user", text=task.text),))
        for turn in range(turns):
            thread = thread.add(await agents[turn % len(agents)](Task(context=thread)))
        return thread[-1]

    return Team("chat", agents, play)


async def _talk(team: Team, store: Store) -> None:
    result = await run(team, SAID, store=store)
    assert result.status == "succeeded"


def _in_memory(team: Team) -> Work:
    return lambda: asyncio.run(timed(partial(_talk, team, MemoryStore())))


def _on_sqlite(team: Team) -> Work:
    return lambda: asyncio.run(_kept(team))


async def _kept(team: Team) -> Lap:
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "bench.db")
        try:
            return await timed(partial(_talk, team, store))
        finally:
            await store.close()


def figures(effort: Effort) -> Iterator[Figure]:
    """Milliseconds at each length, and what a turn of the longest costs beside one of the shortest."""
    for kind, work in (("in memory", _in_memory), ("on SQLite", _on_sqlite)):
        each: list[float] = []
        for turns in (len(NAMES) * rounds for rounds in ROUNDS):
            bare = looped(partial(limits.in_rounds, [*map(cast.theirs, NAMES)], turns))
            ours, limit = race(effort.laps, work(chat(turns)), bare)
            each.append(ours.cpu / turns)
            what = f"a chat of {turns:,} turns {kind}"
            target = TARGETS.get(turns) if kind == "in memory" else None
            yield cost(what, 1, ours, limit, "hand-written agents and a list", unit="ms", target=target)
        yield Figure(
            what=f"a turn {kind}, longest over shortest chat", ours=each[-1] / each[0], unit="x", target=1.5
        )
