"""Remote agents as members: what they say, ask, cost and leave behind."""

from __future__ import annotations

import asyncio

import pytest

from coterie import Agent, Human, Message, Remote, Team, gather, resume, start
from coterie.errors import BadInput
from coterie.models import scripted
from coterie.patterns import debate, parallel, pipeline
from coterie.remote.line import Line
from coterie.stores.memory import MemoryStore
from coterie.words.delta import Delta
from coterie.words.effect import Think
from coterie.words.event import Asked, Settled
from coterie.words.limits import Limits
from tests.http.serving import TEAMS, TOKEN, says, served, service_at


def remote(base, team, **options):
    return Remote(f"{base}/a2a/{team}", name=team, key=lambda: TOKEN, **options)


def with_peer(tmp_path, talk, **options):
    """What `talk` gives, which is called with the address of a service and the service itself."""

    async def performed():
        service = service_at(tmp_path, **options)
        async with served(service) as http:
            return await talk(str(http.base_url).rstrip("/"), service)

    return asyncio.run(performed())


def test_a_remote_team_answers_and_what_it_spent_is_counted(tmp_path):
    """Its answer is the member's message; its five requests are five of our run's."""

    async def talk(base, _):
        return await remote(base, "panel").run("Rust?")

    result = with_peer(tmp_path, talk)
    assert (result.status, result.text, result.message.sender) == ("succeeded", "judge has read 7", "panel")
    assert result.usage.requests == 5


def test_it_stands_in_every_place_of_a_pattern(tmp_path):
    """In a pipeline it reads what the one before made; in a debate it is a side."""

    async def talk(base, _):
        team = pipeline(Agent("writer"), remote(base, "panel"))
        sides = debate(remote(base, "panel"), Agent("doubt"), judge=Agent("judge"), rounds=1)
        model = scripted(says)
        return [await one.run("Rust?", model=model) for one in (team, sides)]

    piped, debated = with_peer(tmp_path, talk)
    assert (piped.text, debated.status) == ("judge has read 7", "succeeded")
    assert debated.usage.requests == 3 + 2 * 5


def test_what_it_asks_our_people_are_asked(tmp_path):
    """Question by question, with its choices; the answers go to the same task."""

    async def talk(base, service):
        run = start(remote(base, "two"), "Go", store=MemoryStore())
        asked = []
        for answer in ("yes", "Ada"):
            while not run.waiting:
                await asyncio.sleep(0.01)
            [(path, ask)] = run.waiting.items()
            asked.append((ask.question, ask.about, ask.choices))
            run.answer(path, answer)
            while path in run.waiting and not run.done:
                await asyncio.sleep(0.01)
        return await run, asked, len(await service.host("default").runs())

    result, asked, runs = with_peer(tmp_path, talk)
    assert asked == [("two: Pay 3?", "choice", ("yes", "no")), ("two: To whom?", "question", ())]
    assert (result.text, runs) == ("yes, Ada", 1)


def test_a_cancelled_run_cancels_the_remote_task(tmp_path):
    """Alone or among others: nothing goes on elsewhere for a run that was stopped."""

    async def talk(base, service):
        states = []
        for actor in (
            remote(base, "slow"),
            Team("both", (), lambda _: _both(remote(base, "slow"), remote(base, "nap"))),
        ):
            run = start(actor, "Sleep", store=MemoryStore())
            wanted = len(states) + 1
            while len(seen := await service.host("default").runs()) < wanted + (wanted > 1):
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            states.append((await run.cancel()).status)
        seen = await service.host("default").runs()
        return states, {one.status for one in seen}, len(seen)

    async def _both(one, other):
        await gather(one("Sleep"), other("Sleep"))
        return Message(sender="both", text="")

    assert with_peer(tmp_path, talk) == (["cancelled", "cancelled"], {"cancelled"}, 3)


def test_a_cancelled_run_can_be_resumed(tmp_path):
    """The task that was cancelled with it is begun anew, in the same context."""

    async def talk(base, service):
        store, actor, host = MemoryStore(), remote(base, "listening"), service.host("default")
        run = start(actor, "Listen", store=store)
        while not await host.runs() or len(run.records) < 9:
            await asyncio.sleep(0.02)
        await run.cancel()
        going = asyncio.ensure_future(resume(actor, run.id, store=store))
        while len(seen := await host.runs()) < 2:
            await asyncio.sleep(0.02)
        await host.send(seen[0].id, "news", "sun")
        return await going, [one.status for one in await host.runs()]

    result, states = with_peer(tmp_path, talk)
    assert (result.text, states) == ("heard sun", ["succeeded", "cancelled"])


class Held:
    """Lets a service take what it is sent, and keeps its answers back until `let_go`."""

    def __init__(self):
        self.let_go = asyncio.Event()

    def __call__(self, app):
        async def held(scope, receive, send):
            sends = scope["type"] == "http" and scope["path"].endswith("/rpc/")
            body = bytearray()

            async def heard():
                said = await receive()
                body.extend(said.get("body", b""))
                return said

            async def said(message):
                if sends and b'"SendMessage"' in body:
                    await self.let_go.wait()
                await send(message)

            await app(scope, heard, said)

        return held


@pytest.mark.parametrize("late", [False, True], ids=["never answered", "answered late"])
def test_a_cancel_before_the_task_is_known_ends_it_and_a_resume_begins_it_anew(tmp_path, late):
    """What the remote has begun and not answered for is found there, or cancelled when the answer comes."""

    async def talk():
        service, held, store = service_at(tmp_path), Held(), MemoryStore()
        host = service.host("default")
        async with served(service, behind=held) as http:
            base = str(http.base_url).rstrip("/")
            far = [Remote(f"{base}/a2a/listening", name=name, key=lambda: TOKEN) for name in ("a", "b")]
            team = parallel(*far)
            run = start(team, "Listen", store=store)
            while len(await host.runs()) < 2:
                await asyncio.sleep(0.02)
            if late:
                asyncio.get_running_loop().call_later(0.1, held.let_go.set)
            stopped = await run.cancel()
            left = {one.status for one in await host.runs()}
            held.let_go.set()
            going = asyncio.ensure_future(resume(team, run.id, store=store))
            while len(new := [one for one in await host.runs() if one.status == "waiting"]) < 2:
                await asyncio.sleep(0.02)
            for one in new:
                await host.send(one.id, "news", "sun")
            result = await going
            return stopped.status, left, result.status, len(await host.runs())

    assert asyncio.run(talk()) == ("cancelled", {"cancelled"}, "succeeded", 4)


def test_a_run_that_is_left_goes_on_with_the_same_task(tmp_path):
    """Parked in the middle it cancels nothing; resumed it asks for nothing again."""

    async def talk(base, service):
        store, actor = MemoryStore(), remote(base, "listening")
        run = start(actor, "Listen", store=store)
        while not (seen := await service.host("default").runs()) or len(run.records) < 9:
            await asyncio.sleep(0.02)
        await run.leave()
        await service.host("default").send(seen[0].id, "news", "rain")
        result = await resume(actor, run.id, store=store)
        return result, len(await service.host("default").runs())

    result, runs = with_peer(tmp_path, talk)
    assert (result.status, result.text, runs) == ("succeeded", "heard rain", 1)


def test_a_message_that_is_sent_again_is_the_same_message(tmp_path):
    """Whatever was lost on the way: the id is in the journal before anything is sent."""

    async def talk(base, service):
        run = start(remote(base, "panel"), "Rust?", store=MemoryStore())
        await run
        kinds = [record.event for record in run.records]
        first = next(event for event in kinds if isinstance(event, Asked) and isinstance(event.effect, Think))
        line = first.effect.by
        assert isinstance(line, Line)
        again = await line(first.effect)
        settled = next(event for event in kinds if isinstance(event, Settled) and event.path == first.path)
        return again.output["task"] == settled.value.output["task"], len(await service.host("default").runs())

    assert with_peer(tmp_path, talk) == (True, 1)


def test_what_it_is_saying_is_shown(tmp_path):
    """The members' words as thoughts, the answer as text."""

    async def talk(base, _):
        run = start(remote(base, "solo"), "Rust?", store=MemoryStore())
        shown = [seen async for seen in run.stream() if not hasattr(seen, "event")]
        return shown, await run

    file = tmp_path / "team.py"
    file.write_text(TEAMS + "\nsolo = Agent('solo')\n")

    async def performed():
        service = service_at(tmp_path, model=Slow())
        service.library.offer(f"solo={file}:solo")
        async with served(service) as http:
            return await talk(str(http.base_url).rstrip("/"), service)

    shown, result = asyncio.run(performed())
    assert "".join(piece.text for piece in shown) == result.text == "one two three "
    assert len(shown) > 1


class Slow:
    """A model that says a word at a time, and waits long enough for each to be seen."""

    async def __call__(self, think):
        return await self.stream(think, lambda _: None)

    async def stream(self, think, tell):
        for word in ("one ", "two ", "three "):
            await asyncio.sleep(0.2)
            tell(Delta(word))
        return Message(sender=think.actor, text="one two three ")


def test_a_remote_that_fails_is_a_failure_of_its_step(tmp_path):
    """With what it says; one that declines declines; one that does not let us in says what to look for."""

    async def talk(base, _):
        wrong = Remote(f"{base}/a2a/panel", key=lambda: "wrong")
        nobody = Remote("http://127.0.0.1:9/", patience=0.1)
        none = Remote(f"{base}/a2a/nobody", key=lambda: TOKEN)
        return [(await one.run("Go")).failure.kind for one in (wrong, nobody, none)]

    assert with_peer(tmp_path, talk) == ["NoAccess", "ModelUnavailable", "RemoteFailed"]


def test_a_budget_stops_before_a_remote_is_asked_again(tmp_path):
    """What it reports counts against the limit like work of our own."""

    async def talk(base, _):
        team = pipeline(remote(base, "panel"), Agent("next"))
        return await team.run("Rust?", model=scripted(says), limits=Limits(requests=5))

    result = with_peer(tmp_path, talk)
    assert (result.status, result.failure.kind, result.usage.requests) == ("failed", "OverLimit", 5)


@pytest.mark.parametrize("url", ["ftp://a", "nothing", "https://me:secret@host/"])
def test_what_is_no_address_is_refused(url):
    """At the door, before anything runs."""
    with pytest.raises(BadInput, match="address"):
        Remote(url)


def test_a_person_here_can_be_what_a_remote_needs(tmp_path):
    """A remote beside a person: both are members."""

    async def talk(base, _):
        team = pipeline(remote(base, "panel"), Human("ada"))
        run = start(team, "Rust?", store=MemoryStore())
        while not run.waiting:
            await asyncio.sleep(0.01)
        [path] = run.waiting
        run.answer(path, "fine")
        return (await run).text

    assert with_peer(tmp_path, talk) == "fine"
