"""Clients of a service, against one on a real port."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from inspect import signature

import pytest

from coterie.client import AsyncClient, Client
from coterie.client.seen import Told, happened, lines_of, sent
from coterie.errors import BadInput, Busy, NotAsked, ServiceFailed, UnknownRun
from coterie.kernel.story import result, transcript
from tests.http.serving import TOKEN, served, service_at


def with_client(tmp_path, scene, **options):
    async def performed():
        service = service_at(tmp_path, **options)
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            return await scene(client)

    return asyncio.run(performed())


def test_a_run_from_beginning_to_end(tmp_path):
    """What is begun is listed, watched, waited for and read, as values of our own."""

    async def scene(client):
        begun = await client.start("panel", "Rust?", limits={"requests": 9})
        seen = [one async for one in client.events(begun.id)]
        shown = await client.wait(begun.id)
        page = await client.runs(status="succeeded", team="panel")
        tree, said = await client.tree(begun.id), await client.transcript(begun.id)
        return seen, shown, page, tree, said

    seen, shown, page, tree, said = with_client(tmp_path, scene)
    assert [one.seq for one in seen] == list(range(shown.events))
    assert (shown.status, shown.text, shown.usage.requests) == ("succeeded", "judge has read 7", 5)
    assert [(one.id, one.team, one.usage) for one in page.runs] == [(shown.id, "panel", shown.usage)]
    assert (tree.name, said[-1].text) == ("debate", shown.text)


def test_what_is_told_is_the_journal(tmp_path):
    """The records made of an event stream have the same story as those in the store."""

    async def scene():
        service = service_at(tmp_path)
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            run = (await client.start("panel", "Rust?")).id
            told = Told()
            seen = [told.record(one) async for one in client.events(run)]
            return seen, await service.host("default").journal(run), run

    seen, kept, run = asyncio.run(scene())
    assert transcript(seen) == transcript(kept)
    assert result(run, seen) == result(run, kept)


def test_questions_are_answered(tmp_path):
    """The run waits, the questions are listed, and what is no question is ours to catch."""

    async def scene(client):
        run = (await client.start("two", "x")).id
        waiting = await client.wait(run)
        one, other = await client.approvals()
        with pytest.raises(NotAsked):
            await client.answer("nobody.1", "yes")
        await client.answer(one.id, "yes")
        answered = await client.answer(other.id, "Ada")
        return waiting.status, answered.state, (await client.wait(run)).text

    assert with_client(tmp_path, scene) == ("waiting", "answered", "yes, Ada")


def test_runs_are_stopped_gone_on_with_and_forked(tmp_path):
    """Each by its own method; a message goes to a topic."""

    async def scene(client):
        slow = (await client.start("slow", "x")).id
        stopped = await client.cancel(slow, "enough")
        again = await client.resume(slow)
        await client.cancel(slow)
        panel = (await client.start("panel", "Rust?")).id
        await client.wait(panel)
        fork = await client.wait((await client.fork(panel, task="C?")).id)
        listening = (await client.start("listening", "x")).id
        await client.send(listening, "news", "rain")
        return stopped.status, again.status, fork.task, (await client.wait(listening)).text

    assert with_client(tmp_path, scene) == ("cancelled", "running", "C?", "heard rain")


def test_mistakes_are_errors_of_ours(tmp_path):
    """What raises at home raises the same from afar."""

    async def scene(client):
        await client.start("slow", "x", id="r")
        with pytest.raises(Busy):
            await client.start("slow", "x", id="r")
        with pytest.raises(UnknownRun):
            await client.run("nobody")
        with pytest.raises(UnknownRun):
            await anext(client.events("nobody"))
        with pytest.raises(BadInput, match="no team is called"):
            await client.start("nobody", "x")
        with pytest.raises(BadInput, match="the limits do not fit"):
            await client.start("slow", "x", limits={"requests": -1})
        with pytest.raises(BadInput, match="a fork changes"):
            await client.fork("r", at=1, nothing=1)
        return [one.id for one in (await client.runs()).runs]

    assert with_client(tmp_path, scene) == ["r"]


def test_a_service_that_is_not_there_is_named():
    """After the patience that was asked for."""

    async def scene():
        async with AsyncClient("http://127.0.0.1:9", patience=0) as client:
            await client.runs()

    with pytest.raises(ServiceFailed, match="is it running"):
        asyncio.run(scene())
    with pytest.raises(BadInput, match="begins with http"):
        AsyncClient("localhost:8700")


def test_a_stream_outlives_its_service(tmp_path):
    """Events come each once and in order, though the service stopped and another one went on with the run."""

    async def scene():
        async with AsyncExitStack() as first:
            http = await first.enter_async_context(served(service_at(tmp_path)))
            port = http.base_url.port
            async with AsyncClient(f"http://127.0.0.1:{port}", TOKEN) as client:
                run = (await client.start("two", "x")).id
                stream, seen = client.events(run), []
                while not seen or seen[-1].type != "asked":
                    seen.append(await anext(stream))
                await first.aclose()
                waited = asyncio.create_task(client.wait(run))
                async with served(service_at(tmp_path), port=port):
                    assert (await waited).status == "waiting"
                    for question in await client.approvals():
                        await client.answer(question.id, "yes")
                    seen += [one async for one in stream]
                    return [one.seq for one in seen], (await client.run(run)).events

    numbers, count = asyncio.run(scene())
    assert numbers == list(range(count))


def test_the_synchronous_client_does_the_same(tmp_path):
    """Without a loop: begun, watched, waited for; within one it says which client to use."""
    up, done, where = threading.Event(), threading.Event(), list[str]()

    def serve():
        async def serving():
            async with served(service_at(tmp_path)) as http:
                where.append(str(http.base_url))
                up.set()
                await asyncio.to_thread(done.wait)

        asyncio.run(serving())

    server = threading.Thread(target=serve)
    server.start()
    up.wait(20)
    try:
        with Client(where[0], TOKEN) as client:
            run = client.start("panel", "Rust?").id
            seen = [one.type for one in client.events(run)]
            assert (seen[0], seen[-1], client.wait(run).text) == ("opened", "closed", "judge has read 7")
            assert [one.id for one in client.runs().runs] == [run]
            assert client.health().status == "ok"
            client.create_agent("ada", memory=False)
            assert client.tell("ada", "Hi", wait=20).reply == "ada has read 1"
            client.publish("news", "rain")
            assert next(client.heard("news")).message == "rain"
            first = client.put("plan", "a", 1, version=0)
            assert [(one.key, one.version) for one in (first, next(client.watched("plan")))] == [("a", 1)] * 2
            document = {"agents": {"a": "x"}, "team": {"parallel": ["a"]}}
            kept = client.write_team("mine", document)
            assert client.read_team("mine") == kept
            assert client.wait(client.start_pattern("parallel", ["ada"], "Hi").id).status == "succeeded"
            assert (client.remember("x", key="k"), client.forget("k")) == ("k", 1)

            async def inside():
                client.runs()

            with pytest.raises(BadInput, match="AsyncClient"):
                asyncio.run(inside())
    finally:
        done.set()
        server.join()


def test_the_synchronous_client_has_every_method():
    """With the parameters and the words of the asynchronous one."""
    methods = [name for name in dir(AsyncClient) if not name.startswith("_")]
    assert [name for name in methods if not hasattr(Client, name)] == []
    for name in methods:
        ours, theirs = getattr(Client, name), getattr(AsyncClient, name)
        assert (signature(ours), ours.__doc__) == (signature(theirs), theirs.__doc__)


def test_server_sent_events_are_read_as_the_standard_says():
    """Comments say nothing, lines of data are one value, and what has no number is no record."""

    async def scene():
        async def lines():
            for line in (
                ": hi",
                "",
                "id: 3",
                "event: noted",
                "data: {",
                'data:"seq":3,"time":1,"type":"noted"}',
                "",
                "event: text",
                "data: {}",
                "",
                "data: cut off",
            ):
                yield line

        return [one async for one in sent(lines())]

    seen = asyncio.run(scene())
    assert [(one.event, one.id) for one in seen] == [("noted", "3"), ("text", None)]
    assert [happened(one) and happened(one).seq for one in seen] == [3, None]


def test_a_line_of_unicode_ends_no_event(tmp_path):
    """What only looks like the end of a line (U+0085, U+2028, U+2029) is a letter like any other to a stream."""
    task = "one\u2028two\u2029three\u0085four\r\nfive"

    async def scene(client):
        run = await client.start("two", task)
        return await anext(client.events(run.id))

    assert with_client(tmp_path, scene).data["task"] == task


def test_lines_end_where_the_standard_says_whatever_the_chunks():
    """At CR LF, LF or CR, also where a chunk ends within one."""
    text = "one\r\ntwo\nthree\r\n\rfour\u2028five\n".encode()

    async def scene(size):
        async def chunks():
            for at in range(0, len(text), size):
                yield text[at : at + size]

        return [line async for line in lines_of(chunks())]

    for size in range(1, len(text) + 1):
        assert asyncio.run(scene(size)) == ["one", "two", "three", "", "four\u2028five"]
