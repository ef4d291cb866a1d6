"""P2: one key per logical call; what was under way at a crash is run again only if that is safe."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from coterie import Agent, Message, Result, Task, Team, do, resume, run, tool
from coterie.errors import BadInput, RunError
from coterie.models import scripted
from coterie.stores import MemoryStore, SqliteStore
from coterie.tool import Tool
from coterie.words.doubt import Doubt, ruled
from coterie.words.effect import Think
from coterie.words.event import Asked, Settled
from coterie.words.message import ToolCall


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


async def _happened(amount: int, idempotency_key: str) -> list[str]:
    """A probe that finds the call."""
    return ["took 5"]


@pytest.mark.parametrize(
    ("promises", "rules", "status", "text", "again"),
    [
        ({"in_doubt": "retry"}, {}, "succeeded", "took 5", 1),
        ({"in_doubt": "verify", "probe": _happened}, {}, "succeeded", "took 5", 0),
        ({"in_doubt": "ask", "idempotent": True}, {}, "waiting", "", 0),
        ({"in_doubt": "skip"}, {}, "failed", "", 0),
        ({"in_doubt": "retry"}, {"char*": "ask"}, "waiting", "", 0),
        ({"idempotent": True}, {"charge": "skip", "*": "retry"}, "failed", "", 0),
        ({"idempotent": True}, {"charge": "verify"}, "waiting", "", 0),  # there is no probe to verify by
        ({}, {"other": "retry"}, "waiting", "", 0),
    ],
)
def test_a_tool_says_what_becomes_of_a_call_in_doubt_and_its_host_may_say_otherwise(
    promises: dict[str, Any], rules: dict[str, Doubt], status: str, text: str, again: int
) -> None:
    """Verify, retry, ask or skip; a rule of the host, by a pattern of the name, goes before what the tool says."""
    calls: list[str] = []

    async def play() -> Result:
        store, team = await _crash_during(_charge(calls, **promises))
        calls.clear()
        return await resume(team, "cut", store=store, in_doubt=rules)

    ended = asyncio.run(play())
    assert (ended.status, ended.text, len(calls)) == (status, text, again)
    if status == "failed":
        assert ended.failure is not None
        assert (ended.failure.kind, ended.failure.path) == ("SkippedInDoubt", "till/charge.1")
    assert [ask.about for ask in ended.waiting.values()] == ["in_doubt"] * (status == "waiting")


def test_what_cannot_be_done_about_doubt_is_refused_when_it_is_said() -> None:
    """A word that is none, and verifying without a probe."""
    with pytest.raises(BadInput, match="in_doubt is one of verify, retry, ask, skip, not 'again'"):
        _charge([], in_doubt="again")
    with pytest.raises(BadInput, match="asks its probe, and it has none"):
        _charge([], probe=_happened).but(probe=None, in_doubt="verify")
    with pytest.raises(ValueError, match="for 'pay' it is 'again'"):
        ruled({"pay": "again"})


def _clerk(ledger: Path, *, hangs: bool, in_doubt: Doubt) -> Agent:
    """An agent that pays once, and says what it was told of that."""

    async def was_paid(to: str) -> list[str]:
        return [f"paid {to}"] if f"{to}\n" in ledger.read_text() else []

    @tool(probe=was_paid, in_doubt=in_doubt)
    async def pay(to: str) -> str:
        """Pay somebody."""
        with ledger.open("a") as file:
            file.write(f"{to}\n")
        if hangs:
            await asyncio.Event().wait()
        return f"paid {to} anew"

    def says(think: Think) -> Message | str:
        last = think.thread[-1]
        if last.answers:
            return last.text
        return Message(sender="clerk", calls=(ToolCall("1", "pay", {"to": "ada"}),))

    return Agent("clerk", tools=[pay], model=scripted(says))


def _killed_while_paying(folder: Path, in_doubt: Doubt) -> None:
    """A process that is killed when it has paid, and does not know so yet."""
    ledger = folder / "ledger"
    ledger.touch()
    worker = os.fork()
    if worker == 0:
        try:
            clerk = _clerk(ledger, hangs=True, in_doubt=in_doubt)
            asyncio.run(run(clerk, "Pay.", store=SqliteStore(folder / "runs.db"), id="r"))
        finally:
            os._exit(1)
    while not ledger.stat().st_size:
        assert os.waitpid(worker, os.WNOHANG) == (0, 0), "it ended before it has paid"
        os.sched_yield()
    os.kill(worker, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(worker, 0)[1])


@pytest.mark.parametrize(
    ("in_doubt", "told", "payments"),
    [
        ("verify", "paid ada", 1),
        ("retry", "paid ada anew", 2),
        ("skip", "error: tool 'pay' was under way when the run was interrupted: it may have happened", 1),
        ("ask", "", 1),
    ],
)
def test_after_a_sigkill_each_word_does_what_it_says(
    tmp_path: Path, in_doubt: Doubt, told: str, payments: int
) -> None:
    """The process dies between a payment and its record; the agent reads what became of it, or a person is asked."""
    _killed_while_paying(tmp_path, in_doubt)

    async def play() -> Result:
        store = SqliteStore(tmp_path / "runs.db")
        ended = await resume(_clerk(tmp_path / "ledger", hangs=False, in_doubt=in_doubt), "r", store=store)
        await store.close()
        return ended

    ended = asyncio.run(play())
    assert ended.text.startswith(told)
    assert (ended.status, len(ended.waiting)) == (("waiting", 1) if in_doubt == "ask" else ("succeeded", 0))
    assert (tmp_path / "ledger").read_text() == "ada\n" * payments


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
