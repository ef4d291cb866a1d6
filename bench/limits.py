"""The limits: the same work in plain asyncio and bare SQLite, with nothing of Coterie around it.

`Agent` here is what somebody writes by hand who wants types and tools and no framework: it
keeps no journal, has no paths, no budget, no resume. Its model and its tools are the very
coroutines that Coterie's agents are given.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from coterie.words.message import Message, ToolCall
from coterie.words.plan import Plan
from coterie.words.usage import NOTHING


def driven(play: Callable[[int], Coroutine[Any, Any, object]], count: int) -> None:
    """A coroutine moved by `send` to its end, everything it awaits answered at once."""
    coro = play(count)
    try:
        coro.send(None)
        while True:
            coro.send(0.5)
    except StopIteration:
        return


# Talk


async def to_and_fro(count: int) -> None:
    """Two tasks that answer each other over two queues."""
    there: asyncio.Queue[str] = asyncio.Queue()
    back: asyncio.Queue[str] = asyncio.Queue()

    async def first() -> None:
        for _ in range(count // 2):
            there.put_nowait("hello")
            await back.get()

    async def second() -> None:
        for _ in range(count // 2):
            await there.get()
            back.put_nowait("hello")

    await asyncio.gather(first(), second())


async def many_to_one(count: int, speakers: int) -> None:
    """Several tasks that fill one queue, and one that empties it."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def say() -> None:
        for _ in range(count // speakers):
            await queue.put("hello")

    async def listen() -> None:
        for _ in range(count // speakers * speakers):
            await queue.get()

    await asyncio.gather(*(say() for _ in range(speakers)), listen())


# Agents


class Prompt(Struct, frozen=True):
    """What the hand-written agent asks its model: what the model functions here look at."""

    actor: str
    instructions: str
    thread: Sequence[Message]


Model = Callable[[Any], Awaitable[Message]]
"""The same coroutine that Coterie calls; it gets a `Prompt` in the place of a `Think`."""


class Agent(Struct, frozen=True):
    """A typed agent by hand: a loop around a model, with checked tool arguments."""

    name: str
    instructions: str
    model: Model
    tools: Mapping[str, tuple[type[Struct], Callable[..., Awaitable[Any]]]] = {}

    async def run(self, task: str) -> Message:
        """Ask until there is an answer; count what it cost."""
        return await self.go_on([Message(sender="user", text=task)])

    async def go_on(self, thread: list[Message]) -> Message:
        """The next message of a conversation."""
        spent = NOTHING
        while True:
            reply = await self.model(Prompt(self.name, self.instructions, thread))
            spent += reply.usage
            if not reply.calls:
                return msgspec.structs.replace(reply, usage=spent)
            thread = [*thread, reply, *[await self._use(call) for call in reply.calls]]

    async def _use(self, call: ToolCall) -> Message:
        arguments, function = self.tools[call.name]
        given = msgspec.convert(call.arguments, arguments)
        async with asyncio.timeout(300):
            value = await function(**msgspec.structs.asdict(given))
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return Message(sender=call.name, text=text, answers=call.id)


async def in_line(agents: Sequence[Agent], task: str) -> Message:
    """Each agent works on what the one before said."""
    said = Message(sender="user", text=task)
    for agent in agents:
        said = await agent.run(said.text)
    return said


async def in_rounds(agents: Sequence[Agent], turns: int) -> list[Message]:
    """Agents that take turns at one conversation."""
    thread = [Message(sender="user", text="Talk about the weather.")]
    for turn in range(turns):
        thread.append(await agents[turn % len(agents)].go_on(thread))
    return thread


async def as_graph(plan: Plan, agent: Agent) -> list[Message]:
    """The steps of a plan, each a task that waits for those it depends on."""
    tasks: dict[str, asyncio.Task[Message]] = {}

    async def work(task: str, needed: Sequence[str]) -> Message:
        inputs = [await tasks[id] for id in needed]
        return await agent.go_on([*inputs, Message(sender="user", text=task)])

    async with asyncio.TaskGroup() as group:
        for step in plan.steps:
            tasks[step.id] = group.create_task(work(step.task, step.depends_on))
    return [task.result() for task in tasks.values()]


# SQLite


class Log:
    """Rows in one SQLite file: whatever tasks append within one turn of the loop is one commit.

    With `lag`, an append returns at once and is committed that many seconds later.
    """

    def __init__(self, path: Path, synchronous: str, lag: float | None = None) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("pragma page_size = 8192")
        self.db.execute("pragma journal_mode = wal")
        self.db.execute(f"pragma synchronous = {synchronous}")
        self.db.execute("pragma wal_autocheckpoint = 4000")
        self.db.execute("create table rows (id integer primary key, run integer, seq integer, body blob)")
        self.db.execute("create unique index by_run on rows (run, seq)")
        self._lag = lag
        self._later: asyncio.Handle | None = None
        self._rows: list[tuple[int, int, bytes]] = []
        self._waiting: list[asyncio.Future[None]] = []

    async def append(self, run: int, seq: int, body: bytes) -> None:
        """Add a row; it is committed when this returns, but for the `lag`."""
        if not self._rows:
            self._later = self._planned(asyncio.get_running_loop())
        self._rows.append((run, seq, body))
        if self._lag is None:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def _planned(self, loop: asyncio.AbstractEventLoop) -> asyncio.Handle:
        return loop.call_soon(self.commit) if self._lag is None else loop.call_later(self._lag, self.commit)

    def commit(self) -> None:
        """Write what was appended, and tell those who wait."""
        rows, self._rows = self._rows, []
        waiting, self._waiting = self._waiting, []
        self.db.execute("begin immediate")
        self.db.executemany("insert into rows (run, seq, body) values (?, ?, ?)", rows)
        self.db.execute("commit")
        for future in waiting:
            future.set_result(None)

    async def fill(self, runs: int, steps: int, size: int) -> None:
        """`runs` tasks that each append `steps` different rows of `size` bytes."""
        async with asyncio.TaskGroup() as group:
            for run in range(runs):
                group.create_task(self._work(run, steps, size))
        if self._rows and self._later is not None:
            self._later.cancel()
            self.commit()

    async def _work(self, run: int, steps: int, size: int) -> None:
        for seq in range(steps):
            await self.append(run, seq, b"%0*d" % (size, run * steps + seq))


def read_pages(path: Path) -> int:
    """Read and decode everything in the one journal of a store, and make nothing of it."""
    db = sqlite3.connect(path)
    found = 0
    for places, body in db.execute("select places, body from packs order by id"):
        at = 0
        for *_, events, contents in msgspec.msgpack.decode(places):
            for size in filter(None, (events, contents)):
                found += len(msgspec.msgpack.decode(body[at : at + size]))
                at += size
    db.close()
    return found
