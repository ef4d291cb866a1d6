"""P11: a cancel reaches every level, and leaves no task, thread, file descriptor or process, here or elsewhere."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from coterie import Agent, Message, Remote, Sleep, Task, Team, do, gather, start, tool, within
from coterie.errors import Late
from coterie.patterns import parallel, pipeline
from coterie.stores.sqlite import SqliteStore
from coterie.tools import Sandbox, shell
from coterie.words.event import Closed, Signalled
from tests.http.serving import TOKEN, served, service_at

THREAD = 0.5
"""Seconds that a tool in a thread takes: nothing can stop a thread, so this is the grace."""
begun: set[str] = set()


@tool
async def hang() -> str:
    """Wait for ever, on the loop."""
    begun.add("async")
    await asyncio.Event().wait()
    return "never"


@tool
def block() -> str:
    """Wait in a thread, for a while."""
    begun.add("thread")
    time.sleep(THREAD)
    return "late"


async def silent(think):
    """A model that never answers."""
    begun.add("model")
    await asyncio.Event().wait()


def children() -> set[int]:
    """Every process below this one, by `/proc`."""
    parents = {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                parents[int(one.name)] = int((one / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):  # it ended meanwhile
                continue
    found: set[int] = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def counts() -> dict[str, int]:
    """What there is of everything that could be left. Idle threads of asyncio's own pool are none of ours."""
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": sum(not one.name.startswith("asyncio_") for one in threading.enumerate()),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "processes": len(children()),
    }


def tree(base: str) -> Team:
    """Three levels: a hanging model, beside it a tool on the loop, one in a thread, processes, and a remote child."""
    remote = Remote(f"{base}/a2a/nap", name="nap", key=lambda: TOKEN)
    command = shell(Sandbox(seconds=60))

    async def tools(task: Task) -> str:
        await gather(do(hang), do(block), do(command, command="sleep 60 & (sleep 60; true) & sleep 60"))
        return "never"

    async def away(task: Task) -> Message:
        return await remote(task.text)

    worker = Team("worker", (), tools)
    middle = parallel(Agent("mute", model=silent), worker, Team("away", (remote,), away), name="middle")
    return pipeline(middle, Agent("last", model=silent), name="top")


@pytest.mark.slow
def test_a_cancel_leaves_nothing(tmp_path: Path) -> None:
    """Recorded at once, done within a second and the grace, and all counts are what they were before."""

    async def scene(base, service):
        host, store = service.host("default"), SqliteStore(tmp_path / "mine.db")
        warm = start(
            tree(base), "go", store=store
        )  # what is made once, such as connections of the store, is there
        await _all_begun(host, 1)
        await warm.cancel()
        await _settled(counts(), lambda: None)
        before = counts()
        run = start(tree(base), "go", store=store, id="r")
        await _all_begun(host, 2)
        during = counts()
        at = time.monotonic()
        await run.cancel("enough")
        took = time.monotonic() - at
        after = await _settled(before, counts)
        records = await store.read("r")
        elsewhere = [one.status for one in await host.runs()]
        await store.close()
        return before, during, after, took, records, elsewhere

    async def performed():
        service = service_at(tmp_path)
        async with served(service) as http:
            return await scene(str(http.base_url).rstrip("/"), service)

    before, during, after, took, records, elsewhere = asyncio.run(performed())
    assert during["processes"] >= before["processes"] + 3
    assert after == before
    assert took < 1 + THREAD + 1  # the machine may be busy
    kinds = [type(one.event) for one in records]
    cancel = next(n for n, one in enumerate(records) if isinstance(one.event, Signalled))
    assert kinds[cancel:].count(Closed) == 1
    assert records[-1].time - records[cancel].time < 1
    assert elsewhere == ["cancelled", "cancelled"]


async def _all_begun(host, runs: int) -> None:
    """Wait until everything of the tree is under way, here and elsewhere."""
    begun.clear()
    async with asyncio.timeout(30):
        while not begun >= {"async", "thread", "model"} or len(children()) < 3:
            await asyncio.sleep(0.01)
        while len(await host.runs()) < runs:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)  # until what was begun elsewhere is known here by its name


async def _settled(before, look):
    """What there is once it is what it was before, or in a few seconds."""
    after = look()
    for _ in range(300):
        if after == before:
            break
        await asyncio.sleep(0.02)
        after = look()
    return after


def test_deadlines_nest() -> None:
    """The nearer one ends what is below it, whichever level says it; what is above goes on."""

    async def inner(task: Task) -> str:
        await within(float(task.text), Sleep(30))
        return "never"

    below = Team("below", (), inner)

    async def play(task: Task) -> str:
        late = []
        for outer, nearer in ((0.05, 30.0), (30.0, 0.05)):
            try:
                await within(outer, below(str(nearer)))
            except Late as error:
                late.append(error.path)
        return f"{len(late)} late"

    result = Team("above", (below,), play).run_sync("go")
    assert (result.status, result.text) == ("succeeded", "2 late")
