"""One budget across services, and no circles: what a remote may use up, and whose work it is."""

from __future__ import annotations

import asyncio

import pytest
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError

from coterie import Agent, Message, Remote, Task
from coterie.models import scripted
from coterie.patterns import pipeline
from coterie.wire.a2a import ABOVE, LIMITS
from coterie.words.limits import Limits
from coterie.words.thread import Thread
from tests.a2a.receiving import free_port
from tests.a2a.talking import client_of, said, sent
from tests.a2a.test_server import talked
from tests.http.serving import TOKEN, says, served, service_at


def test_a_remote_uses_up_no_more_than_what_is_left(tmp_path):
    """Of two requests before and four that are allowed in all, two are left: it makes those, and says so."""

    async def talk(base, service):
        panel = Remote(f"{base}/a2a/panel", name="panel", key=lambda: TOKEN)
        team = pipeline(Agent("one"), Agent("two"), panel)
        result = await team.run("Rust?", model=scripted(says), limits=Limits(requests=4))
        [seen] = await service.host("default").runs()
        return result, (await service.host("default").result(seen.id))

    ours, theirs = talked(tmp_path, talk)
    assert (theirs.status, theirs.failure.kind, theirs.usage.requests) == ("failed", "OverLimit", 2)
    assert (ours.failure.kind, ours.usage.requests) == ("RemoteFailed", 4)
    assert "requests" in ours.failure.message


def test_a_remote_with_limits_of_its_own_is_told_those(tmp_path):
    """The lower of both."""

    async def talk(base, service):
        panel = Remote(f"{base}/a2a/panel", name="panel", key=lambda: TOKEN, limits=Limits(requests=2))
        result = await panel.run("Rust?", limits=Limits(requests=50))
        return result.usage.requests, result.status

    assert talked(tmp_path, talk) == (2, "failed")


def bounded(**metadata):
    request = said("Rust?")
    request.metadata.update(metadata)
    return request


def test_a_request_can_only_lower_what_a_service_allows(tmp_path):
    """And what it says of it has to be numbers."""

    async def talk(base, service):
        async with client_of(base, "panel", streaming=False) as client:
            task = (await sent(client, bounded(**{LIMITS: {"requests": 1e12, "usd": 1.5}}))).task
            for wrong in ({"requests": "many"}, {"usd": -1}, 3):
                with pytest.raises(InvalidParamsError):
                    await sent(client, bounded(**{LIMITS: wrong}))
            with pytest.raises(UnsupportedOperationError, match="circles"):
                await sent(client, bounded(**{ABOVE: ["run"] * 40}))
        return (await service.host("default").journal(task.id))[0].event.limits

    limits = talked(tmp_path, talk)
    assert (limits.requests, limits.usd) == (Limits().requests, 1.5)


TEAM = """
from coterie import Remote, Team
from coterie.patterns import peers

far = Remote("http://127.0.0.1:{port}/a2a/{far}", name="{far}", key=lambda: "{token}")

async def _ask(task):
    return await far(task)

{near} = Team("{near}", (far,), _ask)
"""


def test_two_agents_that_ask_each_other_the_same_are_stopped_at_the_first_repeat(tmp_path):
    """Across services: the one that is asked for what it is at work on says so, and all of them end."""

    async def performed():
        ports = {"alpha": free_port(), "beta": free_port()}
        services = {}
        for near, far in (("alpha", "beta"), ("beta", "alpha")):
            folder = tmp_path / near
            folder.mkdir()
            text = TEAM.format(port=ports[far], near=near, far=far, token=TOKEN)
            (folder / "circle.py").write_text(text)
            services[near] = service_at(folder)
            services[near].library.offer(f"{near}={folder / 'circle.py'}:{near}")
        async with (
            served(services["alpha"], port=ports["alpha"]),
            served(services["beta"], port=ports["beta"]),
        ):
            url = f"http://127.0.0.1:{ports['alpha']}/a2a/alpha"
            result = await Remote(url, name="alpha", key=lambda: TOKEN).run("Round?")
            runs = [len(await one.host("default").runs()) for one in services.values()]
        return result, runs

    result, runs = asyncio.run(performed())
    assert "circular delegation: 'alpha' is at work on this above" in result.failure.message
    assert (result.status, runs) == ("failed", [1, 1])


def test_what_was_said_before_is_told_apart_from_the_task(tmp_path):
    """A remote team of ours has it as the conversation before its task, with who said it."""
    before = [Message(sender="ann", text="It rains."), Message(sender="ben", text="ben: it does")]

    async def talk(base, service):
        panel = Remote(f"{base}/a2a/panel", name="panel", key=lambda: TOKEN)
        await panel.run(Task("Take an umbrella?", Thread(before)))
        [seen] = await service.host("default").runs()
        began = (await service.host("default").journal(seen.id))[0].event
        return began.task, [(one.sender, one.text) for one in began.context]

    task, context = talked(tmp_path, talk)
    assert (task, context) == ("Take an umbrella?", [("ann", "It rains."), ("ben", "ben: it does")])
