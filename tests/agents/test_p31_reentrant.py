"""P31: one team object serves any number of runs at once, in one loop and in many threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from coterie import Agent, Task, Team, gather
from coterie.words.effect import Think

WRITERS = [Agent(f"w{n}") for n in range(3)]


async def _play(task: Task) -> str:
    said = await gather(*(writer(task) for writer in WRITERS))
    return " ".join(message.text for message in said)


TEAM = Team("shared", WRITERS, _play)


async def _echo(think: Think) -> str:
    await asyncio.sleep(0)
    return f"{think.actor}={think.thread[-1].text}"


async def _runs(users: range) -> list[str]:
    results = await asyncio.gather(*(TEAM.run(f"user{n}", model=_echo) for n in users))
    return [result.text for result in results]


def _expected(users: range) -> list[str]:
    return [" ".join(f"w{n}=user{user}" for n in range(3)) for user in users]


def test_1000_runs_in_one_loop_keep_apart() -> None:
    """Every run has its own user's answers, and the team is what it was."""
    before = TEAM.describe()
    assert asyncio.run(_runs(range(1000))) == _expected(range(1000))
    assert TEAM.describe() == before


def test_runs_in_eight_threads_keep_apart() -> None:
    """Eight loops in eight threads share the team without a lock."""
    parts = [range(n * 125, (n + 1) * 125) for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda users: asyncio.run(_runs(users)), parts))
    assert found == [_expected(users) for users in parts]
