"""P5: what a run stores is at most twice its unique bytes, and a step costs the same at any length."""

from __future__ import annotations

import asyncio
from pathlib import Path

from coterie import Agent, Message, Task, Team, do, gather, run, tool
from coterie.stores import SqliteStore
from coterie.words.effect import Think
from coterie.words.thread import Thread


@tool(idempotent=True)
async def kilobyte(n: int) -> str:
    """A thousand bytes that no other step has."""
    return f"{n:08d}" * 125


async def _stored(path: Path, team: Team, task: Task, model: object = None) -> int:
    store = SqliteStore(path)
    result = await run(team, task, store=store, id="r", model=model)  # type: ignore[arg-type]
    assert result.status == "succeeded", result.failure
    await store.close()
    return path.stat().st_size


def test_2000_steps_of_1_kb_take_at_most_twice_their_bytes(tmp_path: Path) -> None:
    """Two million bytes of results make a file of at most four million."""

    async def play(task: Task) -> str:
        for n in range(2000):
            await do(kilobyte, n)
        return "done"

    size = asyncio.run(_stored(tmp_path / "r.db", Team("steps", (), play), Task("go")))
    assert size <= 2 * 2000 * 1000


def test_a_context_that_50_calls_share_is_stored_once(tmp_path: Path) -> None:
    """200 KB in front of 50 parallel calls make a file of at most 400 KB."""
    context = Message(sender="user", text="".join(chr(97 + n % 26) for n in range(200_000)))
    members = [Agent(f"m{n}") for n in range(50)]

    async def play(task: Task) -> str:
        await gather(*(member(task) for member in members))
        return "done"

    async def model(think: Think) -> str:
        return f"{think.actor} has read {len(think.thread[0].text)}"

    task = Task("What does it say?", context=Thread([context]))
    size = asyncio.run(_stored(tmp_path / "r.db", Team("readers", members, play), task, model))
    assert size <= 2 * 200_000


def test_a_conversation_of_n_messages_is_stored_as_n_messages(tmp_path: Path) -> None:
    """Four agents who answer each other 400 times, with the whole thread in every prompt."""
    members = [Agent(f"m{n}") for n in range(4)]

    async def play(task: Task) -> str:
        thread = Thread([Message(sender="user", text=task.text)])
        for n in range(400):
            thread = thread.add(await members[n % 4](Task(context=thread)))
        return "done"

    async def model(think: Think) -> str:
        return f"{len(think.thread):08d}" * 125

    size = asyncio.run(_stored(tmp_path / "r.db", Team("chat", members, play), Task("Hello"), model))
    assert size <= 2 * 400 * 1000
