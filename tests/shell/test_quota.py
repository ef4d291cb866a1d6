"""Quotas: what all runs of a tenant use up in a day stays below its caps, whatever runs at once, dies or is raised."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from coterie import (
    Agent,
    Limits,
    Message,
    Result,
    Task,
    Team,
    Usage,
    collect_all,
    do,
    gather,
    resume,
    run,
    tool,
)
from coterie.errors import BadInput, OverLimit
from coterie.kernel.story import usage
from coterie.shell.job import Job
from coterie.shell.purse import DAY, day_of
from coterie.shell.world import World
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.effect import Think
from coterie.words.principal import Principal
from coterie.words.quota import NO_SPENDING, Quota, quota_of

ANN = Principal(name="ann", tenant="acme")
ASKER = Agent("asker", settings={"max_tokens": 20})
NOON = 1_000_000 * DAY + DAY / 2.0
"""A moment at which half of a day is left."""


async def costs(think: Think) -> Message:
    """A model that says how much a call cost."""
    return Message(sender=think.actor, text="said", usage=Usage(10, 5, 1, 0, 0.25))


@tool(idempotent=True)
def look(what: str) -> str:
    """Look at something."""
    return what


def asking(times: int) -> Team:
    """A team that asks a model some times, all at once, and takes what it gets."""

    async def play(task: Task) -> str:
        said = await gather(*(ASKER(f"{n}") for n in range(times)), on_failure=collect_all)
        return str(len([one for one in said if isinstance(one, Message)]))

    return Team("asking", (ASKER,), play)


async def _used(store: MemoryStore | SqliteStore) -> tuple[float, ...]:
    """What is used today, when nothing is set aside any more."""
    assert await store.tally.reserved() == []
    return await store.tally.used(day_of(time.time()))


def scene(work: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test in a loop of its own."""

    def performed() -> None:
        asyncio.run(work())

    performed.__doc__ = work.__doc__
    performed.__name__ = work.__name__
    return performed


@scene
async def test_runs_at_once_never_exceed_a_cap_together() -> None:
    """Of ten runs that want ten calls each, exactly as many calls are made as the day allows; the rest is refused."""
    store = MemoryStore()
    ended = await asyncio.gather(
        *(
            run(asking(10), "go", model=costs, store=store, id=f"r{n}", quota=Quota(requests=37), by=ANN)
            for n in range(10)
        )
    )
    assert sum(one.usage.requests for one in ended) == 37
    assert (await _used(store))[4] == 37
    assert {one.status for one in ended} == {"succeeded"}  # each goes on with what there is


CAPS: list[tuple[Quota, str, int]] = [
    (Quota(requests=3), "requests", 3),
    (Quota(output_tokens=3 * 20), "output_tokens", 3),
    (Quota(input_tokens=130), "input_tokens", 3),
    (Quota(tokens=3 * 60), "tokens", 3),
    (Quota(usd=0.9, prices={"default": (0.0, 12_500.0)}), "usd", 3),
]


@pytest.mark.parametrize(("quota", "kind", "least"), CAPS)
def test_every_kind_of_cap_is_kept_and_named(quota: Quota, kind: str, least: int) -> None:
    """The error says which cap of which tenant and day, what is used of it, and when the day turns."""

    async def work() -> None:
        store, line = MemoryStore(), Team("line", (ASKER,), _one_by_one)
        ended = await run(line, "go", model=costs, store=store, id="r", quota=quota, by=ANN)
        assert ended.failure is not None
        assert (ended.status, ended.failure.kind) == ("failed", "OverLimit")
        assert ended.failure.message.startswith(f"{kind} of tenant 'acme' on 20")
        assert "the day turns at 00:00 UTC, in " in ended.failure.message
        assert ended.usage.requests >= least
        used = await _used(store)
        assert all(spent <= cap for spent, cap in zip(used, quota.caps, strict=True))
        assert used[:6] == pytest.approx((0.25 * ended.usage.requests, 15 * ended.usage.requests,
            10 * ended.usage.requests, 5 * ended.usage.requests, ended.usage.requests, 0))  # fmt: skip

    asyncio.run(work())


async def _one_by_one(task: Task) -> str:
    for n in range(100):
        await ASKER(f"{n}")
    return "all"


@scene
async def test_tools_are_counted_and_a_refused_one_is_never_begun() -> None:
    """Nor is it in doubt: under a raised quota it runs, and nobody is asked whether it did."""
    made: list[str] = []

    def pay(to: str) -> str:
        made.append(to)
        return to

    async def play(task: Task) -> str:
        return " ".join([await do(pay, name) for name in ("ann", "bob", "cid")])

    store, team = MemoryStore(), Team("till", (), play)
    stopped = await run(team, "go", store=store, id="r", quota=Quota(tool_calls=2))
    assert (stopped.status, made) == ("failed", ["ann", "bob"])
    ended = await resume(team, "r", store=store, quota=Quota(tool_calls=3))
    assert (ended.text, made) == ("ann bob cid", ["ann", "bob", "cid"])


@scene
async def test_no_more_runs_are_begun_than_a_day_allows() -> None:
    """The one too many leaves no journal; one that is gone on with counts once."""
    store, quota = MemoryStore(), Quota(runs=2)
    for id in ("a", "b", "a"):
        await run(ASKER, "go", model=costs, store=store, id=id, quota=quota)
    with pytest.raises(OverLimit, match=r"runs of tenant 'default' on .*: 2 of 2 are spent"):
        await run(ASKER, "go", model=costs, store=store, id="c", quota=quota)
    assert await store.read("c") == []
    assert (await _used(store))[7] == 2


@scene
async def test_seconds_are_counted_while_runs_are_performed() -> None:
    """A run whose tenant has none left is stopped, and what it did is kept."""

    async def slow(think: Think) -> Message:
        if think.thread[-1].text == "1":
            await asyncio.Event().wait()
        return await costs(think)

    store = MemoryStore()
    line = Team("line", (ASKER,), _one_by_one)
    ended = await run(line, "go", model=slow, store=store, id="r", quota=Quota(seconds=0.2))
    assert ended.failure is not None
    assert (ended.status, ended.usage.requests) == ("failed", 1)
    assert "seconds of tenant 'default'" in ended.failure.message
    assert (await _used(store))[6] >= 0.19


@scene
async def test_at_the_cap_a_last_answer_is_given() -> None:
    """Its cost is kept back from the beginning, so that it fits when nothing else does."""
    store, line = MemoryStore(), Team("line", (ASKER,), _one_by_one)
    quota = Quota(requests=5, output_tokens=1_000, at_cap="finalize")
    ended = await run(line, "go", model=costs, store=store, id="r", quota=quota)
    assert (ended.status, ended.text, ended.usage.requests) == ("unverified", "said", 5)
    assert ended.message is not None
    assert "stopped early: requests of tenant" in ended.message.unverified
    assert (await _used(store))[4] == 5


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_at_the_cap_a_person_is_asked_who_cannot_raise_it(answer: str) -> None:
    """Approved, the step is tried again, under whatever the quota is by then; denied, it fails as over the limit."""

    async def work() -> None:
        store, limits = MemoryStore(), Limits(at_cap="ask")
        line = Team("line", (ASKER,), _twice)
        first = await run(
            line, "go", model=costs, store=store, id="r", quota=Quota(requests=1), limits=limits
        )
        [(path, question)] = first.waiting.items()
        assert "requests of tenant 'default'" in question.question
        still = await resume(
            line, "r", model=costs, store=store, answers={path: answer}, quota=Quota(requests=1)
        )
        if answer == "deny":
            assert still.failure is not None
            assert (still.status, still.failure.kind) == ("failed", "OverLimit")
            return
        assert (still.status, list(still.waiting)) == ("waiting", [path])
        done = await resume(line, "r", model=costs, store=store, quota=Quota(requests=2))
        assert (done.status, done.usage.requests) == ("succeeded", 2)

    asyncio.run(work())


async def _twice(task: Task) -> str:
    await ASKER("1")
    return (await ASKER("2")).text


@scene
async def test_a_step_that_was_tried_again_and_begun_is_in_doubt_after_a_crash() -> None:
    """The journal says that it was begun, though it was refused before."""
    made: list[str] = []

    async def pay(to: str) -> str:
        made.append(to)
        await asyncio.sleep(0 if to == "ann" else 60)
        return to

    async def play(task: Task) -> str:
        return await do(pay, "ann") + await do(pay, "bob")

    store, team = MemoryStore(), Team("till", (), play)
    limits = Limits(at_cap="ask")
    waiting = await run(team, "go", store=store, id="r", quota=Quota(tool_calls=1), limits=limits)
    work = asyncio.create_task(resume(team, "r", store=store, quota=Quota(tool_calls=9)))
    while len(made) < 2:
        await asyncio.sleep(0)
    work.cancel()
    await asyncio.wait([work])
    again = await resume(team, "r", store=store, quota=Quota(tool_calls=9))
    assert waiting.status == "waiting"
    assert [ask.about for ask in again.waiting.values()] == ["in_doubt"]
    assert made == ["ann", "bob"]


@scene
async def test_a_new_day_has_all_of_it_again() -> None:
    """What was used before midnight counts for the day before, also of a run that goes on through it."""
    store, now = MemoryStore(), [NOON]

    async def model(think: Think) -> Message:
        now[0] += DAY / 4.0
        return await costs(think)

    job = Job(Team("line", (ASKER,), _one_by_one), Task("go"), World(model, clock=lambda: now[0]), store, "r")
    job.quota = Quota(requests=3)
    ended = await job.perform()
    days = [day_of(NOON + DAY * n) for n in range(2)]
    assert [(await store.tally.used(day))[4] for day in days] == [2, 3]
    assert ended.usage.requests == 5
    assert ended.failure is not None
    assert f"on {days[1]}: 3 of 3" in ended.failure.message


def _process(path: Path, name: str, quota: Quota, log: int, *, hang: bool = False) -> None:
    """What a process does: five runs at once, each of which asks ten times; every call leaves a line."""

    async def model(think: Think) -> Message:
        os.write(log, b"call\n")
        await asyncio.sleep(60 if hang else 0.001)
        return await costs(think)

    async def work() -> None:
        store = SqliteStore(path)
        runs = [
            run(asking(10), "go", model=model, store=store, id=f"{name}{n}", quota=quota)
            for n in range(1 if hang else 5)
        ]
        await asyncio.gather(*runs)
        await store.close()

    code = 1
    try:
        asyncio.run(work())
        code = 0
    finally:
        os._exit(code)


def test_processes_at_once_never_exceed_a_cap_together(tmp_path: Path) -> None:
    """Four processes with five runs each want 200 calls; exactly 83 are made, and the tally says so."""
    path, quota = tmp_path / "runs.db", Quota(requests=83)
    asyncio.run(SqliteStore(path).close())  # so that nobody makes the file while the others open it
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    workers = []
    for n in range(4):
        worker = os.fork()
        if worker == 0:
            _process(path, f"p{n}-", quota, log)
        workers.append(worker)
    assert [os.waitpid(worker, 0)[1] for worker in workers] == [0] * 4
    os.close(log)

    async def told() -> tuple[float, int]:
        store = SqliteStore(path)
        used = await _used(store)
        spent = [usage(await store.read(one.id))[""].requests for one in await store.runs()]
        await store.close()
        return used[4], sum(spent)

    assert len((tmp_path / "log").read_bytes().splitlines()) == 83
    assert asyncio.run(told()) == (83, 83)


@pytest.mark.parametrize("by", ["the run that goes on", "another run"])
def test_what_a_killed_process_had_set_aside_is_recovered(tmp_path: Path, by: str) -> None:
    """Whoever goes on with its run, or needs the room, counts what its journal says, and has the rest."""
    path, quota = tmp_path / "runs.db", Quota(requests=12, runs=2)
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    worker = os.fork()
    if worker == 0:
        _process(path, "dead", quota, log, hang=True)
    while len((tmp_path / "log").read_bytes().splitlines()) < 10:
        assert os.waitpid(worker, os.WNOHANG) == (0, 0), "it ended before it has asked"
        os.sched_yield()
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    os.close(log)

    async def work() -> tuple[int, int, Result]:
        store = SqliteStore(path)
        held = [one.amounts[4] for one in await store.tally.reserved()]
        if by == "another run":
            ended = await run(asking(12), "go", model=costs, store=store, id="new", quota=quota)
        else:
            ended = await resume(asking(10), "dead0", model=costs, store=store, quota=quota)
        used = await _used(store)
        await store.close()
        assert held[0] >= 10
        assert used[7] == (2 if by == "another run" else 1)
        return int(used[4]), ended.usage.requests, ended

    used, spent, ended = asyncio.run(work())
    assert used == spent == (12 if by == "another run" else 10)
    assert ended.status == "succeeded"


def test_a_quota_that_cannot_be_is_refused() -> None:
    """By name and by value, and where nobody keeps a tally."""
    with pytest.raises(ValueError, match="requests is -1"):
        Quota(requests=-1)
    with pytest.raises(ValueError, match="no quota of 'euro'; there are usd"):
        quota_of({"euro": 1})
    assert quota_of({"usd": "2.5", "runs": "3"}) == Quota(usd=2.5, runs=3)

    class Bare(MemoryStore):
        """A store without a tally."""

        def __init__(self) -> None:
            super().__init__()
            del self.tally

    with pytest.raises(BadInput, match="Bare keeps none"):
        asyncio.run(run(ASKER, "go", model=costs, store=Bare(), quota=Quota(usd=1)))
    assert NO_SPENDING == (0.0,) * 8
