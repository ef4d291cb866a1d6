"""Hosts: runs that are begun, watched, answered and stopped from any door, and survive their host."""

from __future__ import annotations

import asyncio

import pytest

from coterie import Agent, Ask, Sleep, Team, do, gather
from coterie.errors import Answered, Busy, Expired, NotAsked, Overloaded, RunError
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.stores import MemoryStore, SqliteStore
from coterie.words.event import Closed, Settled, Signalled

ECHO = scripted(lambda think: f"{think.actor}: {think.thread[-1].text}")


async def _asking(task):
    first, second = await gather(_one("a"), _one("b"))
    return f"{task.text} {first} {second}"


async def _one(name):
    return await Ask(f"{name}?", "choice", ("yes", "no"))


ASKING = Team("asking", (), _asking)


async def _slowly(task):
    await Sleep(3600)
    return task.text


SLOW = Team("slow", (), _slowly)
TEAMS = {"asking": ASKING, "slow": SLOW, "a": Agent("a")}


def hosted(store, **options):
    options = {"parks": 7200, **options}  # what sleeps an hour stays in memory, unless a test says otherwise
    return Host(store, actor_of=lambda began: TEAMS[began.actor], model=lambda _: ECHO, **options)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.db")


def test_a_run_is_begun_watched_and_ends(store):
    """Its journal is open when its id is given, and whoever watches gets every record once."""

    async def scene():
        async with hosted(store) as host:
            run = await host.begin(Agent("a"), "hello")
            records = [record async for record in host.events(run)]
            again = [record.seq async for record in host.events(run, after=1)]
            return records, again, await host.wait(run)

    records, again, result = asyncio.run(scene())
    assert [record.seq for record in records] == list(range(len(records)))
    assert isinstance(records[-1].event, Closed)
    assert again == list(range(2, len(records)))
    assert (result.status, result.text) == ("succeeded", "a: hello")


def test_questions_wait_in_the_store_and_are_answered_one_by_one(store):
    """A run of which only people can move nothing is parked; each answer goes to its own question."""

    async def scene():
        async with hosted(store) as host:
            run = await host.begin(ASKING, "go")
            parked = await host.wait(run)
            asked = await host.questions()
            await host.answer(asked[1].id, "no", by="ada")
            left = await host.questions()
            await host.answer(asked[0].id, "yes", by="bob")
            result = await host.wait(run)
            return parked, asked, left, result, await store.read(run)

    parked, asked, left, result, records = asyncio.run(scene())
    assert (parked.status, sorted(parked.waiting)) == ("waiting", sorted(one.path for one in asked))
    assert [one.path for one in left] == [asked[0].path]
    assert (result.status, result.text) == ("succeeded", "go yes no")
    said = [record.event for record in records if isinstance(record.event, Signalled)]
    assert [(one.about, one.value["by"]) for one in said] == [(asked[1].path, "ada"), (asked[0].path, "bob")]


def test_an_answer_that_is_none_is_refused(store):
    """Twice, elsewhere, or none of the choices: an error that says so, and nothing moves."""

    async def scene():
        async with hosted(store) as host:
            run = await host.begin(ASKING, "go")
            await host.wait(run)
            one, other = await host.questions()
            with pytest.raises(RunError, match="none of the choices"):
                await host.answer(one.id, "maybe")
            for wrong in ("nobody.0123", f"{run}.0123", one.id[:-1]):
                with pytest.raises(NotAsked):
                    await host.answer(wrong, "yes")
            await host.answer(one.id, "yes")
            with pytest.raises(Answered):
                await host.answer(one.id, "yes")
            await host.cancel(run)
            with pytest.raises(Expired):
                await host.answer(other.id, "yes")
            signals = [
                record.event for record in await store.read(run) if isinstance(record.event, Signalled)
            ]
            return [signal.kind for signal in signals], await host.questions()

    assert asyncio.run(scene()) == (["refused", "answer", "refused", "cancel"], [])


def test_answers_at_once_all_arrive(store):
    """Whatever the order and however close together, each is taken."""

    async def scene():
        async with hosted(store) as host:
            run = await host.begin(ASKING, "go")
            await host.wait(run)
            asked = await host.questions()
            await asyncio.gather(*(host.answer(one.id, "yes") for one in reversed(asked)))
            return await host.wait(run)

    assert asyncio.run(scene()).text == "go yes yes"


def test_a_host_that_closes_ends_nothing_and_the_next_goes_on(store):
    """What was under way is interrupted; the next host begins it again, with what is in the journal."""

    async def scene():
        async with hosted(store) as host:
            run = await host.begin(SLOW, "go")
        ends = [record for record in await store.read(run) if isinstance(record.event, Closed)]
        host = hosted(store)
        gone_on = await host.go_on()
        result = await host.cancel(run, "enough")
        return run, ends, gone_on, result

    run, ends, gone_on, result = asyncio.run(scene())
    assert (ends, gone_on, result.status) == ([], [run], "cancelled")


def test_ids_are_taken_once_and_room_is_bounded(store):
    """A second run of an id is refused, and so is one more than may be."""

    async def scene():
        async with hosted(store, at_once=1) as host:
            run = await host.begin(SLOW, "go", id="one")
            with pytest.raises(Busy, match="already"):
                await host.begin(Agent("a"), "go", id="one")
            with pytest.raises(Overloaded):
                await host.begin(Agent("a"), "go")
            await host.cancel(run)
            await asyncio.sleep(0)
            return await host.wait(await host.begin(Agent("a"), "now"))

    assert asyncio.run(scene()).text == "a: now"


def test_another_process_answers(tmp_path):
    """The answer goes through the store to whoever performs the run, and is in the journal when that returns."""

    async def scene():
        mine, other = SqliteStore(tmp_path / "runs.db"), SqliteStore(tmp_path / "runs.db")
        run = ASKING.start("go", store=mine, id="r")
        await run.begun()
        host = hosted(other)
        while len(asked := await host.questions()) < 2:
            await asyncio.sleep(0)
        for one in asked:
            await host.answer(one.id, "no")
        return await run.result()

    assert asyncio.run(scene()).text == "go no no"


def test_watchers_come_and_go():
    """Fifty watchers from any event on see the same records, each once."""

    async def scene():
        async with hosted(MemoryStore()) as host:
            run = await host.begin(ASKING, "go")
            await host.wait(run)

            async def watch(after):
                return [record.seq async for record in host.events(run, after, on=True)]

            watchers = [asyncio.create_task(watch(n % 4 - 1)) for n in range(50)]
            for one in await host.questions():
                await host.answer(one.id, "yes")
            seen = await asyncio.gather(*watchers)
            last = len([record async for record in host.events(run)])
            return seen, last

    seen, last = asyncio.run(scene())
    assert seen == [list(range(n % 4, last)) for n in range(50)]
    assert any(seen)


def test_a_step_in_doubt_is_a_question_of_the_journal():
    """So it is on the list of questions though nobody performs the run, and the answer decides."""
    done = []

    async def pay(amount: int) -> str:
        done.append(amount)
        if len(done) == 1:
            await asyncio.Event().wait()
        return "paid"

    async def play(task):
        return str(await do(pay, 3))

    team = Team("payer", (), play)

    async def scene():
        store = MemoryStore()
        host = Host(store, actor_of=lambda _: team, model=lambda _: ECHO)
        async with host:
            run = await host.begin(team, "go")
            while not done:
                await asyncio.sleep(0)
        async with Host(store, actor_of=lambda _: team, model=lambda _: ECHO) as host:
            await host.wait(run)
            [asked] = await host.questions()
            await host.answer(asked.id, "again", by="ada")
            return asked, await host.wait(run), await store.read(run)

    asked, result, records = asyncio.run(scene())
    assert (asked.ask.about, asked.ask.choices) == ("in_doubt", ("again", "give up"))
    assert (result.text, done) == ("paid", [3, 3])
    assert [record.event.value for record in records if isinstance(record.event, Settled)] == ["paid"]
