"""Running: results, handles, answers, signals, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie import (
    Agent,
    Ask,
    Failure,
    Hear,
    Message,
    Put,
    Result,
    Sleep,
    Task,
    Team,
    cancel,
    collect_all,
    gather,
    replay,
    resume,
    run,
    run_sync,
    start,
    within,
)
from coterie.errors import BadInput, Busy, RunError, UnknownRun
from coterie.models import scripted
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.effect import Think
from coterie.words.event import Closed, Noted, Opened, Record, Settled, Signalled
from coterie.words.thread import Thread

ECHO = scripted(lambda think: f"{think.actor}: {think.thread[-1].text}")


async def _hang(think: Think) -> str:
    await asyncio.Event().wait()
    return ""


async def _asking(task: Task) -> str:
    answer = await Ask("Shall we?", "choice", ("yes", "no"))
    return f"{task.text} {answer}"


def test_a_result_has_what_the_run_came_to() -> None:
    """Text, output, usage, status and id are there, and the journal says the same."""
    store = MemoryStore()
    result = run_sync(Agent("a"), "hello", model=ECHO, store=store, id="r")
    events = [record.event for record in asyncio.run(store.read("r"))]
    assert (result.id, result.status, result.text, result.output) == (
        "r",
        "succeeded",
        "a: hello",
        "a: hello",
    )
    assert result.usage.requests == 1
    assert isinstance(events[0], Opened)
    assert isinstance(events[-1], Closed)
    assert events[-1].usage == result.usage


def test_run_sync_refuses_a_running_loop() -> None:
    """Inside a loop it says what to write instead."""

    async def inside() -> None:
        run_sync(Agent("a"), "hello", model=ECHO)

    with pytest.raises(BadInput, match="await run"):
        asyncio.run(inside())


def test_a_failure_keeps_what_was_finished_and_spent() -> None:
    """The result of a failed run has the cause, the answers so far and their usage."""

    async def play(task: Task) -> str:
        await Agent("a")("one")
        await Agent("b")("two")
        return "never"

    def line(think: Think) -> object:
        return "done" if think.actor == "a" else ValueError("no route")

    result = run_sync(Team("t", (), play), "go", model=scripted(line))
    assert result.failure is not None
    assert (result.status, result.failure.kind, result.failure.path) == (
        "failed",
        "ModelFailed",
        "t/b/think.1",
    )
    assert "ValueError: no route" in result.failure.message
    assert [part.text for part in result.parts] == ["done"]
    assert result.usage.requests == 2


def test_events_are_gap_free_and_every_watcher_sees_the_same() -> None:
    """Two watchers, one of them late and from a number on, see each event once and in order."""

    async def play() -> tuple[list[Record], list[Record]]:
        async with start(Agent("a"), "hello", model=ECHO) as under_way:
            first = [record async for record in under_way.events()]
            late = [record async for record in under_way.events(after=1)]
        return first, late

    first, late = asyncio.run(play())
    assert [record.seq for record in first] == list(range(len(first)))
    assert late == first[2:]
    assert isinstance(first[-1].event, Closed)


def test_an_unattended_run_with_only_questions_comes_back_waiting(tmp_path: Path) -> None:
    """It names the questions, leaves the lease, and goes on with the answer, also after a restart."""
    path = tmp_path / "r.db"
    waiting = asyncio.run(run(_asking, "well?", store=SqliteStore(path), id="r"))
    ended = asyncio.run(resume(_asking, "r", store=SqliteStore(path), answers={"_asking/ask.1": "yes"}))
    assert (waiting.status, list(waiting.waiting)) == ("waiting", ["_asking/ask.1"])
    assert ended.text == "well? yes"


def test_an_answer_that_is_no_choice_is_refused_and_the_question_stays() -> None:
    """The error names the choices; a right answer still counts."""

    async def play() -> Result:
        async with start(_asking, "well?") as under_way:
            while not under_way.waiting:
                await asyncio.sleep(0)
            with pytest.raises(RunError, match="none of the choices"):
                under_way.answer("_asking/ask.1", "perhaps")
            under_way.answer("_asking/ask.1", "no")
            return await under_way

    assert asyncio.run(play()).text == "well? no"


def test_a_person_here_is_asked_at_once() -> None:
    """With `ask=` a question is put to it, with its path."""

    async def person(path: str, question: Ask) -> str:
        return "yes" if path == "_asking/ask.1" and question.choices else "no"

    assert run_sync(_asking, "well?", ask=person).text == "well? yes"


def test_a_message_from_outside_wakes_who_hears_it() -> None:
    """It is in the journal before it is heard."""

    async def ears(task: Task) -> str:
        return f"heard {await Hear('news', outside=True)}"

    async def play() -> tuple[Result, list[Record]]:
        store = MemoryStore()
        async with start(ears, store=store, id="r") as under_way:
            await asyncio.sleep(0)
            under_way.send("news", {"rain": True})
            return await under_way, await store.read("r")

    result, records = asyncio.run(play())
    assert result.text == "heard {'rain': True}"
    assert any(isinstance(record.event, Signalled) for record in records)


def test_cancel_is_recorded_then_done_and_can_be_taken_back() -> None:
    """Three levels of actors end as cancelled, with usage kept; a resume goes on where it was."""
    inner = Team("inner", (), _two)
    store = MemoryStore()

    async def play() -> tuple[Result, Result, list[Record]]:
        under_way = start(inner, "go", model=_first_answers(), store=store, id="r")
        async for record in under_way.events():
            if isinstance(record.event, Settled):
                break
        stopped = await under_way.cancel("enough")
        records = await store.read("r")
        return stopped, await resume(inner, "r", store=store, model=ECHO), records

    stopped, resumed, records = asyncio.run(play())
    assert (stopped.status, stopped.usage.requests) == ("cancelled", 1)
    assert stopped.failure is not None
    assert stopped.failure.message == "enough"
    kinds = [type(record.event) for record in records]
    assert kinds.index(Signalled) < kinds.index(Closed)
    assert (resumed.status, resumed.text) == ("succeeded", "b: again")


async def _two(task: Task) -> str:
    await Agent("a")("one")
    return (await Agent("b")("again")).text


def _first_answers() -> object:
    async def model(think: Think) -> str:
        return "first" if think.actor == "a" else await _hang(think)

    return model


def test_no_task_is_left_after_a_cancel_or_a_failure() -> None:
    """Every job the runner made is gone when the result is there."""

    async def many(task: Task) -> str:
        await gather(*(Agent(f"a{n}")("go") for n in range(5)))
        return ""

    async def play() -> tuple[int, int]:
        before = len(asyncio.all_tasks())
        under_way = start(many, model=_hang)
        await asyncio.sleep(0.01)
        await under_way.cancel()
        return before, len(asyncio.all_tasks())

    before, after = asyncio.run(play())
    assert after == before


def test_a_program_that_is_cancelled_leaves_a_run_that_goes_on(tmp_path: Path) -> None:
    """When the caller's own task is cancelled the lease is free, nothing is closed, and a resume ends it."""
    store = SqliteStore(tmp_path / "r.db")

    async def play() -> Result:
        task = asyncio.create_task(run(Agent("a"), "hi", model=_hang, store=store, id="r"))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await resume(Agent("a"), "r", store=store, model=ECHO)

    assert asyncio.run(play()).text == "a: hi"


def test_a_message_under_way_does_not_hide_that_the_program_is_cancelled(tmp_path: Path) -> None:
    """A message that nobody hears yet must not make the runner take its caller's cancel for a cancel of the run."""
    store = SqliteStore(tmp_path / "r.db")

    async def play() -> str:
        under_way = start(Agent("a"), "hi", model=_hang, store=store, id="r")
        await asyncio.sleep(0.05)
        under_way.send("news", "rain")
        under_way._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        return (await resume(Agent("a"), "r", store=store, model=ECHO)).text

    assert asyncio.run(play()) == "a: hi"


def test_a_run_is_cancelled_from_another_process_s_store(tmp_path: Path) -> None:
    """A signal through the file stops a run that another store is performing."""
    path = tmp_path / "r.db"

    async def play() -> Result:
        under_way = start(Agent("a"), "hi", model=_hang, store=SqliteStore(path), id="r")
        await asyncio.sleep(0.05)
        await cancel("r", store=SqliteStore(path), reason="from afar")
        return await asyncio.wait_for(under_way.result(), 5)

    result = asyncio.run(play())
    assert result.failure is not None
    assert (result.status, result.failure.message) == ("cancelled", "from afar")


def test_cancelling_a_run_that_nobody_works_on_is_written_down(tmp_path: Path) -> None:
    """A waiting run becomes cancelled, and its journal says so."""
    store = SqliteStore(tmp_path / "r.db")

    async def play() -> tuple[Result, list[str]]:
        await run(_asking, "well?", store=store, id="r")
        await cancel("r", store=store)
        return await replay(_asking, "r", store=store), [one.status for one in await store.runs()]

    result, statuses = asyncio.run(play())
    assert (result.status, statuses) == ("cancelled", ["cancelled"])


def test_a_team_that_has_changed_parks_as_needs_migration() -> None:
    """P7: the result names what changed; nothing is performed."""
    store = MemoryStore()
    run_sync(Team("t", [Agent("a", "Old.")], _asking), "go", store=store, id="r")
    result = asyncio.run(resume(Team("t", [Agent("a", "New.")], _asking), "r", store=store))
    assert result.failure is not None
    assert result.status == "needs_migration"
    assert "changed ['t/a']" in result.failure.message


def test_a_run_that_is_held_cannot_be_resumed_twice() -> None:
    """The second one is told that the run is busy."""
    store = MemoryStore()

    async def play() -> None:
        async with start(_asking, "well?", store=store, id="r") as under_way:
            while not under_way.waiting:
                await asyncio.sleep(0)
            with pytest.raises(Busy):
                await resume(_asking, "r", store=store)

    asyncio.run(play())


def test_a_resumed_run_has_the_whole_task_it_was_opened_with(tmp_path: Path) -> None:
    """The conversation before the task and its data come from the journal, whoever resumes it."""
    agent = Agent("a")

    async def play(task: Task) -> str:
        said = await agent(task)
        return f"{said.text} {task.data} {await Ask('well?')}"

    count = scripted(lambda think: f"{len(think.thread)} messages")
    task = Task("And now?", Thread([Message(sender="b", text="Before.")]), {"n": (1, 2)})
    path, team = tmp_path / "r.db", Team("t", [agent], play)
    asyncio.run(run(team, task, model=count, store=SqliteStore(path), id="r"))
    ended = asyncio.run(resume(team, "r", store=SqliteStore(path), answers={"t/ask.1": "yes"}))
    assert ended.text == "2 messages {'n': [1, 2]} yes"


def test_unknown_runs_are_errors() -> None:
    """Resume, replay and cancel of a run that is not there say so."""
    store = MemoryStore()
    for attempt in (
        resume(_asking, "x", store=store),
        replay(_asking, "x", store=store),
        cancel("x", store=store),
    ):
        with pytest.raises(UnknownRun, match="no run 'x'"):
            asyncio.run(attempt)


def test_a_deadline_closes_what_it_covers() -> None:
    """`within` raises Late in the play; the call that was under way is dropped."""

    async def play(task: Task) -> str:
        found = await gather(within(0.01, Agent("a")("hi")), on_failure=collect_all)
        return found[0].kind if isinstance(found[0], Failure) else "in time"

    assert run_sync(play, model=_hang).text == "Late"


def test_a_sleep_goes_on_where_it_was_after_a_crash() -> None:
    """A resumed sleep waits for what is left of it, counted from when it was first asked."""

    async def play(task: Task) -> str:
        await Sleep(3600)
        return "woke"

    async def crash() -> Result:
        store = MemoryStore()
        under_way = start(play, store=store, id="whole")
        await asyncio.sleep(0)
        await under_way.cancel()
        records = (await store.read("whole"))[:3]
        lease = await store.claim("cut")
        await store.append(lease, [Record(r.seq, r.time - 4000, r.event) for r in records])
        await store.release(lease)
        return await asyncio.wait_for(resume(play, "cut", store=store), 5)

    assert asyncio.run(crash()).text == "woke"


def test_the_kernel_s_own_facts_are_in_the_journal() -> None:
    """Frames entered and left, and board entries put, are noted with their author."""

    async def play(task: Task) -> str:
        await Put("colour", "red")
        await Agent("a")("hi")
        return "done"

    store = MemoryStore()
    run_sync(play, model=ECHO, store=store, id="r")
    events = [record.event for record in asyncio.run(store.read("r"))]
    facts = [(event.path, event.fact, event.about) for event in events if isinstance(event, Noted)]
    assert facts == [
        ("play", "entered", ""),
        ("play", "put", "colour"),
        ("play/a", "entered", "hi"),
        ("play/a", "left", ""),
        ("play", "left", ""),
    ]
