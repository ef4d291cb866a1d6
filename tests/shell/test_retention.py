"""What was said is taken out of runs that have ended, and whole runs are let go of, by rules."""

from __future__ import annotations

import asyncio
import importlib

import pytest

from coterie import Agent, Message, cancel, fork, replay, resume, run, tool
from coterie.doors.events import event_data, event_line
from coterie.errors import BadInput, Busy, Redacted, UnknownRun
from coterie.kernel import audit, difference, figures, history, inquiries, story
from coterie.kernel.redactions import redactions
from coterie.memory.conversation import Session
from coterie.models import scripted
from coterie.shell.alarm import Alarm
from coterie.shell.retention import Keeping, due, prune, redact
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.event import Opened, Record
from coterie.words.message import ToolCall
from coterie.words.retention import Retention
from tests.patterns.test_catalogue import NAMES
from tests.trees import line

CANARY = "7 Elm Street"
NOW = 4e9
OLD = Retention(older=0.0)


@tool
def post(to: str) -> str:
    """Send a letter."""
    return f"sent to {to}"


def writes(think):
    if think.thread[-1].answers:
        return f"It was sent to {CANARY}."
    return Message(sender="clerk", text="I write.", calls=(ToolCall("1", "post", {"to": CANARY}),))


clerk = Agent("clerk", tools=[post], model=scripted(writes))


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.db")


def played(store, scene):
    async def all_of_it():
        try:
            return await scene()
        finally:
            await store.close()

    return asyncio.run(all_of_it())


def test_what_was_said_is_a_tombstone_and_who_said_it_stays(store):
    """In the result, the transcript and the report; the journal says who took it out, and why."""

    async def scene():
        await run(clerk, f"Write to {CANARY}", store=store, id="r")
        before = await store.read("r")
        told = await redact(store, "r", all=True, by="dan", why="she asked")
        return before, told, await store.read("r")

    before, told, after = played(store, scene)
    assert CANARY not in repr(after)
    [deed] = audit.report("r", after).deeds
    assert (deed.what, deed.actor, deed.outcome, deed.why.model) == ("post", "clerk", "done", "scripted")
    assert deed.arguments["to"].startswith("[redacted ")
    assert story.usage(after) == story.usage(before)
    [one] = redactions(after)
    assert (one.by, one.why, one.events) == ("dan", "she asked", tuple(range(len(before))))
    assert told.value["contents"]


def test_a_text_is_taken_out_of_every_event_that_says_it(tmp_path):
    """Of a task, a prompt, arguments, results and answers; what does not say it stays."""
    store = SqliteStore(tmp_path / "runs.db")

    async def scene():
        await run(clerk, f"Write to {CANARY}", store=store, id="r")
        await redact(store, "r", text=CANARY)
        with pytest.raises(BadInput, match="nothing in run 'r' says that"):
            await redact(store, "r", text=CANARY)
        return await store.read("r"), await store.verify("r")

    records, wrong = played(store, scene)
    assert (CANARY in repr(records), wrong) == (False, [])
    assert [deed.what for deed in audit.report("r", records).deeds] == ["post"]


def test_a_redacted_run_is_read_and_not_gone_on_with(store):
    """Not resumed, forked or replayed: a tombstone is no answer, and the error says by whom it was made."""
    failing = Agent("clerk", tools=[post], model=scripted(lambda _: RuntimeError("down")))

    async def scene():
        await run(failing, f"Write to {CANARY}", store=store, id="failed")
        await run(clerk, f"Write to {CANARY}", store=store, id="done")
        await redact(store, "failed", [0], by="dan", why="she asked")
        await redact(store, "done", all=True, by="dan")
        said = []
        for again in (
            lambda: resume(clerk, "failed", store=store),
            lambda: fork(clerk, "failed", store=store, at=1),
            lambda: replay(clerk, "failed", store=store),
            lambda: resume(clerk, "done", store=store),
            lambda: run(clerk, "Write", store=store, id="done"),
        ):
            with pytest.raises((Redacted, Busy)) as error:
                await again()
            said.append(str(error.value))
        return said, [one.status for one in await store.runs()], await store.claim("failed")

    said, statuses, lease = played(store, scene)
    assert "what events 0 of run 'failed' said was taken out by dan (she asked)" in said[0]
    assert all("taken out by dan" in one for one in said[:4])
    assert (statuses, lease.run) == (["succeeded", "failed"], "failed")


def test_what_goes_on_is_not_touched(store):
    """Neither redacted nor let go of: one that waits, and one that somebody holds."""

    async def scene():
        await store.release(await _begun(store, "waits"))
        lease = await _begun(store, "held")
        with pytest.raises(BadInput, match="has not ended: cancel it first"):
            await redact(store, "waits", all=True)
        with pytest.raises(Busy):
            await redact(store, "held", all=True)
        with pytest.raises(UnknownRun):
            await redact(store, "nobody", all=True)
        with pytest.raises(BadInput, match="what is to be taken out"):
            await redact(store, "waits")
        gone = await prune(store, OLD, now=NOW)
        await store.release(lease)
        await cancel("waits", store=store)
        return gone, [one.run for one in await prune(store, OLD, now=NOW)]

    assert played(store, scene) == ([], ["waits"])


async def _begun(store, id):
    lease = await store.claim(id)
    await store.append(lease, [Record(0, 1.0, Opened(run=id, actor="clerk", task="t"))])
    return lease


def test_a_rule_says_which_runs_go(store):
    """By their age, how they ended, and how many of the newest stay; a word that is no end is refused."""
    failing = Agent("clerk", model=scripted(lambda _: RuntimeError("down")))

    async def scene():
        for n in range(3):
            await run(clerk, "Write", store=store, id=f"good{n}")
            await run(failing, "Write", store=store, id=f"bad{n}")
        rules = (
            Retention(older=NOW),
            Retention(older=0.0, statuses=("failed",)),
            Retention(older=0.0, statuses=("failed",), keep=2),
            Retention(older=0.0, keep=5),
        )
        told = [[one.id for one in await due(store, rule, now=NOW)] for rule in rules]
        with pytest.raises(BadInput, match="no run ends as 'running'"):
            await due(store, Retention(older=0.0, statuses=("running",)))
        gone = await prune(store, Retention(older=0.0, statuses=("failed",), keep=2), by="dan", now=NOW)
        return told, gone, sorted(one.id for one in await store.runs())

    told, gone, left = played(store, scene)
    assert told == [[], ["bad2", "bad1", "bad0"], ["bad0"], ["good0"]]
    assert [(one.run, one.by, one.status, one.at) for one in gone] == [("bad0", "dan", "failed", NOW)]
    assert left == ["bad1", "bad2", "good0", "good1", "good2"]


def test_a_conversation_goes_as_a_whole(store):
    """A turn of a session stays as long as a later one does, so the next message finds the conversation."""
    talks = Agent("talks", model=scripted(lambda think: f"I know {len(think.thread)}"))

    async def scene():
        for _ in range(3):
            await run(talks, "Hi", store=store, session="s")
        seen = await store.runs()
        middle = sorted(one.updated for one in seen)[1] + 1e-6
        some = await due(store, OLD, now=middle)
        return len(some), await Session(id="s").turns(store), len(await prune(store, OLD, now=NOW))

    assert played(store, scene) == (0, 3, 3)


def test_a_service_lets_go_again_and_again(store):
    """A rule is applied to every store that there is."""

    async def scene():
        await run(clerk, "Write", store=store, id="r")
        alarm = Alarm(lambda: [Keeping(lambda: [store], Retention(older=-1.0))], 0.001)
        while await store.runs():
            await asyncio.sleep(0)
        await alarm.close()
        return [one.by for one in await store.pruned()]

    assert played(store, scene) == ["retention"]


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_can_be_read_with_everything_taken_out(name):
    """Every fold of a redacted journal tells what it can, and none breaks."""
    team = importlib.import_module(f"tests.patterns.specimens.{name}").build(
        [Agent(one) for one in "abc"], name=name
    )
    store = MemoryStore()

    async def scene():
        await run(team, "go", store=store, id="r", model=scripted(line))
        before = await store.read("r")
        await redact(store, "r", all=True)
        return before, await store.read("r")

    before, after = played(store, scene)
    assert [type(one.event) for one in after[:-1]] == [type(one.event) for one in before]
    assert story.usage(after) == story.usage(before)
    assert story.state(after) == story.state(before)
    assert story.tree(after).usage == story.tree(before).usage
    assert len(story.transcript(after)) == len(story.transcript(before))
    assert len(history.uses(after)) == len(history.uses(before))
    assert history.board(after).keys() == history.board(before).keys()
    assert len(inquiries.inquiries("r", after)) == len(inquiries.inquiries("r", before))
    assert len(audit.report("r", after).deeds) == len(audit.report("r", before).deeds)
    assert difference.difference("a", before, "b", after) is not None
    assert len(figures.model_calls(after)) == len(figures.model_calls(before))
    assert figures.waste(after) is not None
    assert figures.critical_path(after) is not None
    assert len(history.rounds(after)) == len(history.rounds(before))
    assert all(event_line(one, 0.0) and event_data(one) for one in after)
