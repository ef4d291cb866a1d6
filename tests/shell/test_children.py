"""Runs that begin runs: children that are awaited, others that go their own way, and actors that are renewed."""

from __future__ import annotations

import asyncio
import time

import pytest

from coterie import (
    Agent,
    Begin,
    Hear,
    Limits,
    Renew,
    Sleep,
    Start,
    Task,
    Team,
    Tell,
    do,
    first,
    gather,
    replay,
    run,
    start,
)
from coterie.errors import BadInput, Circular, Renewed
from coterie.kernel.story import closed, opened
from coterie.models import scripted
from coterie.shell.children import child_of
from coterie.shell.host import Host
from coterie.stores import MemoryStore, SqliteStore
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.event import Asked, Noted
from coterie.words.message import Message
from coterie.words.usage import Usage

SAID = scripted(lambda think: Message(sender=think.actor, text=f"{think.actor}: {think.thread[-1].text}"))
WRITER = Agent("writer")


async def _boss(task):
    one, two = await gather(Start(WRITER, f"{task.text} one"), Start(WRITER, f"{task.text} two"))
    return f"{one.text} | {two.text}"


async def _failing(task):
    raise BadInput("no such thing")


async def _careful(task):
    try:
        return await Start(FAILS, "x")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


async def _slow(task):
    await Sleep(3600)
    return "slept"


async def _impatient(task):
    return await first(Start(SLOW, "s"), _soon())


async def _soon():
    await Sleep(0.01)
    return "soon"


async def _waiting(task):
    return await Start(SLOW, "s")


async def _looping(task):
    return await Start(LOOPS, task.text)


async def _counting(task):
    at = (task.data or {"at": 0})["at"]
    if at == 3:
        return f"counted to {at}"
    return await Renew(Task(data={"at": at + 1}))


async def _ear(task):
    heard = [*(task.data or []), await Hear("door", outside=True)]
    if len(heard) == 3:
        return ", ".join(heard)
    return await Renew(Task(data=heard))


async def _desk(task):
    asked = await Hear("questions", outside=True)
    await Tell(asked["sender"], asked["reply"], asked["body"] * 2)
    return "asked once"


async def _asker(task):
    await Tell(task.text, "questions", 4, reply="answers")
    answer = await Hear("answers", outside=True)
    return f"4 times 2 is {answer['body']}"


async def _echo(task):
    return task.text


async def _launching(task):
    return await Begin(WRITER, "off you go", called="off", priority=2)


FAILS = Team("fails", (), _failing)
SLOW = Team("slow", (), _slow)
LOOPS = Team("loops", (), _looping)
TEAMS = {
    one.name: one
    for one in (
        Team("boss", (WRITER,), _boss),
        Team("careful", (FAILS,), _careful),
        Team("impatient", (SLOW,), _impatient),
        Team("waiting", (SLOW,), _waiting),
        Team("counting", (), _counting),
        Team("ear", (), _ear),
        Team("launching", (WRITER,), _launching),
        Team("desk", (), _desk),
        Team("asker", (), _asker),
        LOOPS,
    )
}


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.db")


def hosted(store, **options):
    return Host(store, actor_of=lambda began: TEAMS[began.actor], model=lambda _: SAID, **options)


def played(store, scene):
    async def scenes():
        async with hosted(store) as host:
            return await scene(host)

    return asyncio.run(scenes())


def test_children_are_runs_of_their_own_and_their_messages_come_back(store):
    """Each has a journal, says who began it, and costs what its parent is told."""

    async def scene(host):
        id = await host.begin(TEAMS["boss"], "go")
        result = await host.wait(id)
        seen = {one.id: one for one in await host.runs()}
        parents = [opened(await host.journal(one)).origin["parent"]["run"] for one in seen if one != id]
        return result, [one.status for one in seen.values()], parents == [id, id]

    result, statuses, parents = played(store, scene)
    assert result.text == "writer: go one | writer: go two"
    assert (statuses, parents, result.usage.requests) == (["succeeded"] * 3, True, 2)


def test_a_child_that_fails_raises_where_it_was_started(store):
    """With the error that ended it."""

    async def scene(host):
        return (await host.wait(await host.begin(TEAMS["careful"], "go"))).text

    assert played(store, scene).startswith("BadInput: no such thing")


@pytest.mark.parametrize("name", ["boss", "careful", "counting"])
def test_without_a_host_children_are_performed_in_place(name):
    """`run` needs no host for runs that begin others, with a journal or without."""
    kept = asyncio.run(run(TEAMS[name], "go", model=SAID, store=MemoryStore()))
    bare = asyncio.run(run(TEAMS[name], "go", model=SAID))
    assert (kept.status, kept.text) == (bare.status, bare.text) == ("succeeded", bare.text)


def test_nobody_waits_any_more_so_the_child_is_cancelled(store):
    """Where another branch was quicker, and where the parent is cancelled."""

    async def scene(host):
        quick = await host.begin(TEAMS["impatient"], "go")
        text = (await host.wait(quick)).text
        waiting = await host.begin(TEAMS["waiting"], "go")
        while not await host.store.read(child_of(waiting, "waiting/start.1")):
            await asyncio.sleep(0.01)
        await host.cancel(waiting, "enough")
        children = [one for one in await host.runs() if one.actor == "slow"]
        return text, [one.status for one in children]

    assert played(store, scene) == ("soon", ["cancelled", "cancelled"])


def test_a_parent_that_waits_long_is_away_and_woken_by_its_child(store):
    """Neither is in memory while the child sleeps; a cancel of the parked parent reaches the child, a resume too."""

    async def scene():
        now = [time.time()]
        host = hosted(store, parks=10, clock=lambda: now[0])
        world = host._world

        def clocked(origin):
            made = world(origin)
            made.clock = lambda: now[0]
            return made

        host._world = clocked
        id = await host.begin(TEAMS["waiting"], "go")
        await _empty(host)
        child = child_of(id, "waiting/start.1")
        away = [(await host.store.runs())[n].wakes is not None for n in range(2)]
        await host.cancel(id)
        cancelled = closed(await host.journal(child)).status
        await host.resume(id)
        await _empty(host)
        now[0] += 3601
        while closed(await host.journal(id)) is None:
            await host.ring()
            await _empty(host)
        return away, cancelled, (await host.wait(id)).text

    assert asyncio.run(scene()) == ([True, True], "cancelled", "slept")


async def _empty(host):
    while host._runs:
        await asyncio.sleep(0.01)


def test_a_run_below_itself_with_the_same_task_is_circular(store):
    """It is said, instead of going on for ever."""

    async def scene(host):
        return await host.wait(await host.begin(TEAMS["loops"], "again"))

    assert played(store, scene).failure.kind == Circular.__name__


def test_what_a_child_may_use_is_set_aside_and_never_more_than_is_left():
    """A child gets what is left of its parent's limits, and what it used counts there."""
    costly = scripted(lambda think: Message(sender="w", text="x", usage=Usage(requests=1, usd=0.4)))

    async def play(task):
        await gather(*(Start(WRITER, f"{n}", limits={"usd": 0.5}) for n in range(2)))
        await Start(WRITER, "two", limits=Limits(usd=5))
        return "all"

    store = MemoryStore()
    result = asyncio.run(run(Team("t", (WRITER,), play), model=costly, store=store, limits=Limits(usd=1.5)))
    caps = [opened(asyncio.run(store.read(one.id))).limits.usd for one in asyncio.run(store.runs())][::-1]
    assert (result.text, round(result.usage.usd, 2)) == ("all", 1.2)
    assert [None if cap is None else round(cap, 2) for cap in caps[1:]] == [0.5, 0.5, 0.7]


def test_what_goes_its_own_way_is_begun_once(store):
    """By whatever name it is given, however often it is asked for."""

    async def scene(host):
        ids = [(await host.wait(await host.begin(TEAMS["launching"], "go"))).text for _ in range(2)]
        await host.wait("off")
        return ids, sorted(one.actor for one in await host.runs())

    assert played(store, scene) == (["off", "off"], ["launching", "launching", "writer"])


def test_a_run_may_begin_later(store):
    """It is opened now, in nobody's memory, and performed when it is due."""

    async def scene(host):
        at = time.time() + 0.3
        id = await host.begin(WRITER, "later", at=at)
        TEAMS["writer"] = WRITER
        seen = (await host.runs())[0]
        result = await host.wait(id)
        asked = [one.time for one in await host.journal(id) if isinstance(one.event, Asked)]
        return seen.wakes == at, result.text, asked[0] >= at

    assert played(store, scene) == (True, "writer: later", True)


def test_an_actor_is_renewed_with_a_fresh_journal(store):
    """Its state is the task of the next; whoever waits for the first gets what the last comes to."""

    async def scene(host):
        id = await host.begin(TEAMS["counting"], "go")
        result = await host.wait(id)
        return result.text, [one.status for one in await host.runs()], await host.newest(id)

    text, statuses, newest = played(store, scene)
    assert text == "counted to 3"
    assert statuses == ["succeeded", "renewed", "renewed", "renewed"]
    assert newest.endswith("~4")


def test_what_was_not_heard_comes_along(store):
    """Messages from before a renewal, and those sent to the old run afterwards, are heard by the new one."""

    async def scene(host):
        id = await host.begin(TEAMS["ear"], "go")
        for word in ("one", "two", "three"):
            await host.send(id, "door", word)
        while (result := await host.wait(id)).status == "waiting":
            await asyncio.sleep(0.01)
        return result.text

    assert played(store, scene) == "one, two, three"


def test_runs_talk_to_one_another(store):
    """A request and its reply, between two runs, of which one is away while it waits; each is in a journal."""

    async def scene(host):
        desk = await host.begin(TEAMS["desk"], "", id="desk")
        while (await host.result(desk)).status != "waiting":
            await asyncio.sleep(0.01)
        asker = await host.begin(TEAMS["asker"], "desk")
        results = []
        for id in (asker, desk):
            while (result := await host.wait(id)).status == "waiting":
                await asyncio.sleep(0.01)
            results.append(result.text)
        lost = await host.wait(await host.begin(TEAMS["asker"], "nobody"))
        return results, lost.failure.kind

    assert played(store, scene) == (["4 times 2 is 8", "asked once"], "UnknownRun")


def test_only_the_actor_of_the_run_is_renewed():
    """A member cannot end the run of others."""

    async def play(task):
        return await Team("inner", (), _counting)(task)

    result = asyncio.run(run(Team("outer", (), play), "go"))
    assert (result.status, result.failure.kind) == ("failed", "BadInput")


def test_children_in_rehearsals_and_simulations():
    """A child is one step there; a renewal ends it, and says with what it would go on."""
    said, _ = rehearse(TEAMS["boss"], "go", lambda think: f"{think.actor}: {think.thread[-1].text}")
    assert said.text == "writer: go one | writer: go two"
    seen = simulate(TEAMS["boss"], "go", script="x", seed=3)
    assert (seen.message.text, seen.usage.requests) == ("x | x", 2)
    with pytest.raises(Renewed) as renewed:
        rehearse(TEAMS["counting"])
    assert renewed.value.task.data == {"at": 1}


def test_children_survive_a_crash_anywhere():
    """Whatever the parent's journal was cut to, it comes out the same."""
    echo = Team("echo", (), _echo)

    async def play(task):
        one, two = await gather(Start(echo, "one"), Start(echo, "two"))
        return f"{one.text} | {two.text}"

    assert crash_everywhere(Team("boss", (echo,), play)).text == "one | two"


def test_replay_and_fork_begin_no_run_again(store):
    """What came of a child is in the journal of its parent."""

    async def scene(host):
        id = await host.begin(TEAMS["boss"], "go")
        await host.wait(id)
        before = len(await host.runs())
        replayed = await replay(TEAMS["boss"], id, store=store)
        forked = await host.wait(await host.fork(id, task="go"))
        return replayed.text == forked.text, len(await host.runs()) - before

    assert played(store, scene) == (True, 1)


def test_taint_goes_down_and_up():
    """A child knows that its task was tainted, and its parent that the answer is."""
    from coterie import tool

    @tool
    def page() -> str:
        """A page."""
        return "words of a stranger"

    async def reader(task):
        return str(await do(page))

    below = Team("reader", (), reader)

    async def above(task):
        said = await Start(below, task.text)
        return said.text, said.taint

    async def play(task):
        text, taint = await above(task)
        return f"{text} {bool(taint)}"

    result = asyncio.run(run(Team("t", (below,), play), "x", store=MemoryStore()))
    assert (result.text, bool(result.message.taint)) == ("words of a stranger True", True)


def test_a_journal_names_the_child_that_it_waits_for():
    """`coterie show` of the parent finds the child by the step."""
    store = MemoryStore()
    asyncio.run(run(TEAMS["boss"], "go", model=SAID, store=store, id="r"))
    asked = [one.event.path for one in asyncio.run(store.read("r")) if isinstance(one.event, Asked)]
    assert sorted(one.id for one in asyncio.run(store.runs())) == sorted(
        ["r", *(child_of("r", p) for p in asked)]
    )


def test_a_run_that_begins_is_not_noted_twice(store):
    """A delayed run says once that it sleeps."""

    async def scene(host):
        id = await host.begin(WRITER, "later", at=time.time() + 3600)
        return [one.event.fact for one in await host.journal(id) if isinstance(one.event, Noted)]

    assert played(store, scene) == ["sleeps"]


def test_start_by_handle_is_renewed_too():
    """A run that a program holds in its hand goes on as long as its actor does."""

    async def scene():
        return (await start(TEAMS["counting"], "go", store=MemoryStore())).text

    assert asyncio.run(scene()) == "counted to 3"
