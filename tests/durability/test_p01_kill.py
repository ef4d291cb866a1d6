"""P1: killed at any moment, a run goes on and does nothing twice that its journal knows."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from pathlib import Path

from coterie import Agent, Message, Task, Team, gather, resume, run
from coterie.errors import UnknownRun
from coterie.stores import SqliteStore
from coterie.words.effect import Think
from coterie.words.event import Settled

KILLS = 200
MEMBERS = [Agent(f"m{n}") for n in range(8)]


async def _inner(task: Task) -> Message:
    """A nested team: eight at once, then two one after the other."""
    said = await gather(*(member(f"{task.text} {n}") for n, member in enumerate(MEMBERS)))
    draft = await MEMBERS[0](" ".join(message.text for message in said))
    return await MEMBERS[1](draft.text)


LEFT, RIGHT = Team("left", MEMBERS, _inner), Team("right", MEMBERS, _inner)


async def _outer(task: Task) -> Message:
    """Forty model calls: two nested teams, one after the other, between runs of single steps."""
    text = task.text
    for team in (LEFT, RIGHT):
        for member in MEMBERS:
            text = (await member(text)).text
        text = (await team(text)).text
    for member in MEMBERS[:4]:
        text = (await member(text)).text
    return Message(sender="outer", text=text)


TEAM = Team("outer", (*MEMBERS, LEFT, RIGHT), _outer)


def _answer(think: Think) -> str:
    return f"{think.actor}:{sum(map(ord, think.thread[-1].text)) % 9973}"


async def _go_on(store: SqliteStore, id: str, log: int | None) -> str:
    """Begin or resume the run; every model call leaves a line in the log once it is made."""

    async def model(think: Think) -> str:
        await asyncio.sleep(0.001)
        if log is not None:
            os.write(log, f"{think.actor}|{think.thread[-1].text}\n".encode())
        return _answer(think)

    try:
        result = await resume(TEAM, id, store=store, model=model)
    except UnknownRun:
        result = await run(TEAM, "go", store=store, id=id, model=model)
    assert result.status == "succeeded", result.failure
    return result.text


def _child(path: Path, id: str, log: Path) -> None:
    """What the process that is killed does."""
    code = 1
    try:
        handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        asyncio.run(_go_on(SqliteStore(path), id, handle))
        code = 0
    finally:
        os._exit(code)


async def _settled(path: Path, id: str) -> list[str]:
    """The model calls that the journal knows the outcome of, as the log writes them."""
    store = SqliteStore(path)
    records = await store.read(id)
    await store.close()
    done = [event.path for record in records if isinstance(event := record.event, Settled)]
    assert len(done) == len(set(done)), "a step is settled twice"
    return done


def _killed(path: Path, id: str, log: Path, after: float) -> int:
    """How a process ended that was killed `after` seconds, or was quicker."""
    worker = os.fork()
    if worker == 0:
        _child(path, id, log)
    time.sleep(after)
    os.kill(worker, signal.SIGKILL)
    return os.waitpid(worker, 0)[1]


def _calls(log: Path) -> int:
    return len(log.read_bytes().splitlines())


def test_200_kills_repeat_no_journaled_step_and_change_no_result(tmp_path: Path) -> None:
    """200 SIGKILLs at random moments: each run ends as if undisturbed, settled calls never repeated."""
    dice = random.Random(7)
    path, log = tmp_path / "runs.db", tmp_path / "calls.log"
    expected = asyncio.run(_go_on(SqliteStore(tmp_path / "quiet.db"), "quiet", None))
    kills = runs = 0
    log.touch()
    while kills < KILLS:
        known: list[str] = []
        status = signal.SIGKILL
        while os.WIFSIGNALED(status):
            before = _calls(log)
            status = _killed(path, f"run{runs}", log, dice.uniform(0.0, 0.1))
            kills += os.WIFSIGNALED(status)
            assert _calls(log) - before <= 40 - len(known), "a settled call was made again"
            settled = asyncio.run(_settled(path, f"run{runs}"))
            assert settled[: len(known)] == known, "the journal lost something"
            known = settled
        assert os.WEXITSTATUS(status) == 0
        assert len(known) == 40
        runs += 1
    final = SqliteStore(path)
    for n in range(runs):
        result = asyncio.run(_outcome(final, f"run{n}"))
        assert result == expected


async def _outcome(store: SqliteStore, id: str) -> str:
    return (await resume(TEAM, id, store=store)).text
