"""P2: one key per logical call; what was under way at a crash is run again only if that is safe."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coterie import Result, Task, Team, do, resume, run, tool
from coterie.errors import RunError
from coterie.stores import MemoryStore
from coterie.tool import Tool
from coterie.words.event import Asked, Settled


def _team(charge: Tool) -> Team:
    async def play(task: Task) -> str:
        return str(await do(charge, 5))

    return Team("till", (), play)


async def _crash_during(charge: Tool) -> tuple[MemoryStore, Team]:
    """A store whose run was killed while `charge` was under way: asked, and not settled."""
    store, team = MemoryStore(), _team(charge)
    await run(team, "go", store=store, id="whole")
    records = await store.read("whole")
    asked = next(n for n, record in enumerate(records) if isinstance(record.event, Asked))
    lease = await store.claim("cut")
    await store.append(lease, records[: asked + 1])
    await store.release(lease)
    return store, team


def _charge(calls: list[str], **promises: Any) -> Tool:
    @tool(**promises)
    async def charge(amount: int, idempotency_key: str) -> str:
        """Take money."""
        calls.append(idempotency_key)
        return f"took {amount}"

    return charge


def test_an_idempotent_tool_runs_again_with_the_key_it_had() -> None:
    """Declared idempotent, it is called again under the same run and path."""
    calls: list[str] = []

    async def play() -> Result:
        store, team = await _crash_during(_charge(calls, idempotent=True))
        return await resume(team, "cut", store=store)

    assert asyncio.run(play()).text == "took 5"
    assert calls == ["whole:till/charge.1", "cut:till/charge.1"]


@pytest.mark.parametrize(("found", "again"), [(["took 5"], 0), ([], 1)])
def test_a_probe_decides_whether_a_call_happened(found: list[str], again: int) -> None:
    """A probe that finds the call saves it; one that finds nothing lets it run."""
    calls: list[str] = []

    async def probe(amount: int, idempotency_key: str) -> list[str]:
        return found

    async def play() -> Result:
        store, team = await _crash_during(_charge(calls, probe=probe))
        calls.clear()
        return await resume(team, "cut", store=store)

    assert asyncio.run(play()).text == "took 5"
    assert len(calls) == again


@pytest.mark.parametrize(("answer", "status", "again"), [("again", "succeeded", 1), ("give up", "failed", 0)])
def test_without_either_a_person_decides(answer: str, status: str, again: int) -> None:
    """The run parks with the call named; the answer runs it again or gives it up."""
    calls: list[str] = []

    async def play() -> tuple[Result, Result]:
        store, team = await _crash_during(_charge(calls))
        calls.clear()
        parked = await resume(team, "cut", store=store)
        return parked, await resume(team, "cut", store=store, answers={"till/charge.1": answer})

    parked, ended = asyncio.run(play())
    assert (parked.status, list(parked.waiting)) == ("waiting", ["till/charge.1"])
    assert (ended.status, len(calls)) == (status, again)
    if status == "failed":
        assert ended.failure is not None
        assert ended.failure.kind == "InDoubt"


def test_every_attempt_has_the_same_key() -> None:
    """A call that failed and is tried again after a resume has the key it had at first."""
    keys: list[str] = []

    @tool
    async def charge(amount: int, idempotency_key: str) -> str:
        """Take money, at the second try."""
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise OSError("no route")
        return "took it"

    async def play() -> tuple[Result, Result, list[Settled]]:
        store, team = MemoryStore(), _team(charge)
        failed = await run(team, "go", store=store, id="r")
        again = await resume(team, "r", store=store)
        records = await store.read("r")
        return failed, again, [r.event for r in records if isinstance(r.event, Settled)]

    failed, again, settled = asyncio.run(play())
    assert (failed.status, again.status) == ("failed", "succeeded")
    assert keys == ["r:till/charge.1"] * 2
    assert [one.failure is None for one in settled] == [False, True]


def test_an_answer_to_no_question_is_refused() -> None:
    """An answer to a path where nothing is asked is an error, and the run stays as it was."""

    async def play() -> tuple[str, Result]:
        store, team = await _crash_during(_charge([]))
        with pytest.raises(RunError, match=r"no question is open at 'till/other.1'") as refused:
            await resume(team, "cut", store=store, answers={"till/other.1": "again"})
        return str(refused.value), await resume(team, "cut", store=store)

    said, parked = asyncio.run(play())
    assert "till/charge.1" in said
    assert parked.status == "waiting"
