"""Topics, boards and tools over HTTP: published, put in versions, watched from any number on, and heard by agents."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from coterie.client import AsyncClient
from coterie.errors import BadInput, Changed, Denied
from coterie.policy.rules import Rule, rules
from tests.http.serving import TOKEN, served, service_at


def with_client(tmp_path, scene, **options):
    async def performed():
        async with (
            served(service_at(tmp_path, **options)) as http,
            AsyncClient(str(http.base_url), TOKEN) as client,
        ):
            return await scene(client)

    return asyncio.run(asyncio.wait_for(performed(), 60))


async def taken(stream, count):
    """The next few of a stream."""
    return [await anext(stream) for _ in range(count)]


def test_what_is_published_is_read_and_watched_from_any_number_on(tmp_path):
    """Each once and in order, while it comes, and after a restart; the same key is the same message."""

    async def before(client):
        for n in range(3):
            await client.publish("news.local", {"n": n})
        one = await client.publish("news.local", "once", key="k")
        same = await client.publish("news.local", "other words", key="k")
        return one == same

    async def after(client):
        async with aclosing(client.heard("news.local", 1)) as stream:
            seen = await taken(stream, 2)
            await client.publish("news.local", "live")
            seen += await taken(stream, 1)
        page = await client.topic("news.local", limit=2)
        rest = await client.topic("news.local", after=page.next, limit=10)
        return seen, page, rest, await client.topics()

    assert with_client(tmp_path, before)
    seen, page, rest, topics = with_client(tmp_path, after)
    assert [(one.number, one.message) for one in seen] == [(2, {"n": 2}), (3, "once"), (4, "live")]
    assert ([one.message for one in page.messages], page.next) == ([{"n": 0}, {"n": 1}], 1)
    assert ([one.number for one in rest.messages], rest.next) == ([2, 3, 4], None)
    assert [(one.name, one.last) for one in topics.topics] == [("news.local", 4)]


def test_standing_agents_hear_topics(tmp_path):
    """What is published after they subscribed, by pattern, each message once, and as nobody's words of ours."""

    async def first(client):
        await client.publish("news.old", "before")
        await client.create_agent("ada", memory=False, topics=["news.>"], busy="reject")
        await client.create_agent("bob", memory=False, topics=["sport.*"])
        await client.publish("news.old", "after")
        await client.publish("news.new", {"n": 1})
        await client.publish("weather", "sun")
        last = (await client.messages("ada"))[0]
        await client.message("ada", last.number, wait=20)
        return [
            (one.topic, one.text, one.state) for one in await client.messages("ada")
        ], await client.messages("bob")

    async def second(client):
        ada = await client.agent("ada")
        await client.change_agent("ada", ada.version, topics=["news.*", "weather"])
        await client.publish("weather", "rain")
        await client.publish("news.new", "more")
        run = (await client.message("ada", (await client.messages("ada"))[0].number, wait=20)).run
        return [one.text for one in await client.messages("ada")], (await client.run(run)).origin["taint"]

    heard, nothing = with_client(tmp_path, first)
    assert heard == [("news.new", '{"n":1}', "succeeded"), ("news.old", "after", "succeeded")]
    assert nothing == []
    texts, taint = with_client(tmp_path, second)
    assert (texts, taint) == (["more", "rain", '{"n":1}', "after"], ["topic news.new"])


def test_what_was_published_while_nobody_could_be_told_is_heard(tmp_path):
    """An entry that was written by a process that died then reaches its agents at the next start."""

    async def performed():
        service = service_at(tmp_path)
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            await client.create_agent("ada", memory=False, topics=["news"])
            await service.roster("default").ledgers.append("topics/news", {"message": "left", "by": "eve"})
        async with served(service_at(tmp_path)) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            while not (letters := await client.messages("ada")):
                await asyncio.sleep(0.02)
            return [(one.text, one.by) for one in letters]

    assert asyncio.run(asyncio.wait_for(performed(), 60)) == [("left", "eve")]


def test_a_board_compares_before_it_sets(tmp_path):
    """A version that was not the last writes nothing; all versions stay to be read."""

    async def scene(client):
        first = await client.put("plan", "budget", 10, version=0)
        with pytest.raises(Changed, match="is in version 1, not 0"):
            await client.put("plan", "budget", 11, version=0)
        second = await client.put("plan", "budget", 12, version=first.version)
        with pytest.raises(Changed):
            await client.put("plan", "budget", 13, version=first.version)
        await client.put("plan", "owner", {"name": "ada"})
        await client.remove("plan", "budget", version=second.version)
        with pytest.raises(BadInput, match="nothing stands under"):
            await client.entry("plan", "budget")
        again = await client.put("plan", "budget", 14, version=0)
        history = await client.history("plan", "budget")
        board = await client.board("plan", limit=1)
        rest = await client.board("plan", after=board.next)
        return (
            again,
            history,
            [one.key for one in (*board.entries, *rest.entries)],
            (await client.boards()).boards,
        )

    again, history, keys, boards = with_client(tmp_path, scene)
    assert (again.version, keys, [one.name for one in boards]) == (4, ["budget", "owner"], ["plan"])
    assert [(one.version, one.value, one.gone, one.by) for one in history.versions] == [
        (1, 10, False, "local"),
        (2, 12, False, "local"),
        (3, None, True, "local"),
        (4, 14, False, "local"),
    ]


def test_of_many_who_write_one_version_one_does(tmp_path):
    """Twenty at once add one each, and look again whenever somebody was quicker: none is lost."""

    async def scene(client):
        async def add():
            while True:
                now = (await client.board("tally")).entries
                value, version = (now[0].value, now[0].version) if now else (0, 0)
                try:
                    return await client.put("tally", "count", value + 1, version=version)
                except Changed:
                    continue

        await asyncio.gather(*(add() for _ in range(20)))
        return await client.entry("tally", "count")

    entry = with_client(tmp_path, scene)
    assert (entry.value, entry.version) == (20, 20)


def test_a_board_is_watched_from_any_number_on(tmp_path):
    """What was put, and what is put meanwhile, by whichever replica."""

    async def performed():
        async with (
            served(service_at(tmp_path)) as here,
            served(service_at(tmp_path)) as there,
            AsyncClient(str(here.base_url), TOKEN) as mine,
            AsyncClient(str(there.base_url), TOKEN) as theirs,
        ):
            await mine.put("plan", "a", 1)
            async with aclosing(theirs.watched("plan")) as stream:
                seen = await taken(stream, 1)
                await mine.put("plan", "b", 2)
                await theirs.put("plan", "a", 3)
                return seen + await taken(stream, 2)

    seen = asyncio.run(asyncio.wait_for(performed(), 60))
    assert [(one.key, one.value, one.version) for one in seen] == [("a", 1, 1), ("b", 2, 1), ("a", 3, 2)]


def test_tools_are_listed_with_their_schemas(tmp_path):
    """Those that agents may name, and no others."""

    async def scene(client):
        return (await client.tools()).tools

    [clock] = with_client(tmp_path, scene)
    assert (clock.name, clock.description, clock.sensitive) == (
        "clock",
        "What the time is: a tool that is offered.",
        False,
    )
    assert clock.parameters["type"] == "object"


def test_roles_and_the_policy_say_who_may(tmp_path):
    """A viewer reads, an operator writes, and a policy is asked about both, by board and key."""
    policy = rules(
        Rule(decision="deny", actions=("write",), resources=("plan/secret",), why="it is the board's"),
        Rule(decision="deny", actions=("read",), resources=("topics/hidden",)),
        default="allow",
    )

    async def performed():
        service = service_at(tmp_path, policy=policy)
        key, _ = service.keys.make("eve", role="viewer")
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            with pytest.raises(Denied, match="it is the board's"):
                await client.put("plan", "secret", 1)
            with pytest.raises(Denied):
                await client.topic("hidden")
            http.headers["authorization"] = f"Bearer {key}"
            answers = [
                await http.put("/v1/boards/plan/entries/a", json={"value": 1}),
                await http.delete("/v1/boards/plan/entries/a"),
                await http.post("/v1/topics/news/messages", json={"message": 1}),
                await http.get("/v1/boards/plan/entries"),
                await http.get("/v1/topics/news/messages"),
                await http.get("/v1/tools"),
                await http.put("/v1/boards/no%20name/entries/a", json={"value": 1}),
                await http.get("/v1/boards/no%20name/entries"),
                await http.get("/v1/topics/a..b/messages"),
            ]
            return [one.status_code for one in answers]

    assert asyncio.run(performed()) == [403, 403, 403, 200, 200, 200, 403, 422, 422]
