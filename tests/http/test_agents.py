"""Standing agents over HTTP: kept in versions, told things one at a time, and there after a restart."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from coterie.client import AsyncClient
from coterie.errors import BadInput, Busy, Changed, ServiceFailed
from coterie.models import scripted
from coterie.policy.rules import Rule, rules
from coterie.words.message import Message, ToolCall
from tests.http.serving import TOKEN, served, service_at


def with_client(tmp_path, scene, **options):
    async def performed():
        service = service_at(tmp_path, **options)
        async with served(service) as http, AsyncClient(str(http.base_url), TOKEN) as client:
            return await scene(client, service)

    return asyncio.run(asyncio.wait_for(performed(), 60))


class Held:
    """A model that answers when it is let, and says what it was asked."""

    def __init__(self):
        self.asked, self.let = [], asyncio.Event()

    async def __call__(self, think):
        self.asked.append(think.thread[-1].text)
        await self.let.wait()
        return Message(sender=think.actor, text=f"re: {think.thread[-1].text}")


def test_an_agent_is_kept_in_versions(tmp_path):
    """Made, listed a page at a time, read, changed in the version that was read, and deleted."""

    async def scene(client, _):
        made = await client.create_agent("ada", "You are Ada.", tools=["clock"], limits={"requests": 5})
        await client.create_agent("bob")
        await client.create_agent("eve")
        first = await client.agents(limit=2)
        rest = await client.agents(after=first.next, limit=2)
        changed = await client.change_agent("ada", made.version, description="counts", tools=[])
        with pytest.raises(Changed):
            await client.change_agent("ada", made.version, description="late")
        with pytest.raises(Changed):
            await client.delete_agent("ada", made.version)
        with pytest.raises(Busy, match="is there already"):
            await client.create_agent("ada")
        with pytest.raises(Busy, match="offers a team"):
            await client.create_agent("panel")
        await client.delete_agent("ada", changed.version)
        with pytest.raises(BadInput, match="no agent is called 'ada'"):
            await client.agent("ada")
        return made, changed, [[one.name for one in page.agents] for page in (first, rest)], rest.next

    made, changed, pages, last = with_client(tmp_path, scene)
    assert (made.tools, made.limits, made.description) == (("clock",), {"requests": 5}, "")
    assert (changed.tools, changed.limits, changed.description) == ((), {"requests": 5}, "counts")
    assert changed.version > made.version
    assert (pages, last) == ([["ada", "bob"], ["eve"]], None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tools": ["os:system"]}, "is code"),
        ({"tools": ["rm"]}, "no tool 'rm' is offered; there are clock"),
        ({"model": "openai:gpt-5"}, "no model 'openai:gpt-5' is offered; there are embedded"),
        ({"output": {"type": "string", "pattern": "(a+)+b"}}, "`pattern` is not for documents"),
        ({"budget": 1}, "does not fit"),
        ({"topics": ["no spaces"]}, "does not fit"),
        ({"mood": "good"}, "unknown field"),
    ],
)
def test_an_agent_names_nothing_that_is_not_offered(tmp_path, options, said):
    """No code, and no other tools and models than the service's (P22); nothing of it is kept."""

    async def scene(client, _):
        with pytest.raises(BadInput, match=said):
            await client.create_agent("ada", **options)
        return (await client.agents()).agents

    assert with_client(tmp_path, scene) == []


def test_messages_are_turns_of_one_conversation(tmp_path):
    """Each is a run of the agent's session, with what was said before; the history is read a page at a time."""

    async def scene(client, _):
        await client.create_agent("ada", "You are Ada.", memory=False)
        replies = [await client.tell("ada", text, wait=20) for text in ("one", "two", "three")]
        newest = await client.messages("ada", limit=2)
        older = await client.messages("ada", before=newest[-1].number)
        runs = [one.id for one in (await client.runs()).runs]
        return replies, [one.text for one in newest], [one.text for one in older], runs

    replies, newest, older, runs = with_client(tmp_path, scene)
    assert [(one.state, one.reply) for one in replies] == [
        ("succeeded", f"ada has read {n}") for n in (1, 3, 5)
    ]
    assert (newest, older) == (["three", "two"], ["one"])
    assert runs == [one.run for one in reversed(replies)] == ["@ada.0.3", "@ada.0.2", "@ada.0.1"]


def test_messages_are_handled_one_at_a_time_the_urgent_first(tmp_path):
    """What comes meanwhile waits; the same key is the same message, however often it is sent."""
    held = Held()

    async def scene(client, _):
        await client.create_agent("ada", memory=False)
        first = await client.tell("ada", "first")
        while not held.asked:
            await asyncio.sleep(0.005)
        low = await client.tell("ada", "low", priority="low", key="k")
        again = await client.tell("ada", "other words", key="k")
        await client.tell("ada", "urgent", priority="urgent")
        doing = await client.agent_state("ada")
        held.let.set()
        await client.message("ada", low.number, wait=20)
        return first, again.number == low.number, doing, await client.agent_state("ada"), held.asked

    first, same, doing, after, asked = with_client(tmp_path, scene, model=held)
    assert (first.state, same) in {("queued", True), ("running", True)}
    assert (doing.state, doing.queued, after.state, after.turns) == ("working", 2, "idle", 3)
    assert asked == ["first", "urgent", "low"]


def test_a_busy_agent_refuses_or_is_interrupted(tmp_path):
    """As it is written: `reject` is a conflict, `interrupt` cancels the turn that is under way."""
    held = Held()

    async def scene(client, _):
        for policy in ("reject", "interrupt"):
            await client.create_agent(policy, memory=False, busy=policy)
            await client.tell(policy, f"{policy} first")
        while len(held.asked) < 2:
            await asyncio.sleep(0.005)
        with pytest.raises(Busy, match="is at work"):
            await client.tell("reject", "second")
        second = await client.tell("interrupt", "second")
        while len(held.asked) < 3:
            await asyncio.sleep(0.005)
        held.let.set()
        last = await client.message("interrupt", second.number, wait=20)
        stopped = (await client.messages("interrupt"))[-1]
        return stopped.state, last.state, last.reply

    assert with_client(tmp_path, scene, model=held) == ("cancelled", "succeeded", "re: second")


def test_a_turn_that_cannot_begin_is_refused_and_the_next_goes_on(tmp_path):
    """A tool that is no longer offered is the reason, and it is said; nothing blocks the mailbox."""

    async def first(client, _):
        await client.create_agent("ada", memory=False, tools=["clock"])

    async def second(client, service):
        del service.library.tools["clock"]
        lost = await client.tell("ada", "one", wait=20)
        await client.change_agent("ada", (await client.agent("ada")).version, tools=[])
        return lost, await client.tell("ada", "two", wait=20)

    with_client(tmp_path, first)
    lost, then = with_client(tmp_path, second)
    assert (lost.state, lost.run, "no tool 'clock' is offered" in lost.reply) == ("refused", "", True)
    assert (then.state, then.run) == ("succeeded", "@ada.0.1")


def test_a_mistake_of_the_service_holds_nobody_up(tmp_path):
    """Whatever building an agent raises, its message is refused, and others are worked on."""

    async def scene(client, service):
        await client.create_agent("ada", memory=False)
        await client.create_agent("bob", memory=False)
        made = service.library.actor

        def broken(origin):
            if origin["name"] == "ada":
                raise RuntimeError("no such luck")
            return made(origin)

        service.library.actor = broken
        lost = await client.tell("ada", "one", wait=20)
        then = await client.tell("bob", "two", wait=20)
        service.library.actor = made
        return lost, then, await client.tell("ada", "three", wait=20)

    lost, then, again = with_client(tmp_path, scene)
    assert (lost.state, lost.reply) == ("refused", "RuntimeError: no such luck")
    assert (then.state, again.state, again.run) == ("succeeded", "succeeded", "@ada.0.1")


def test_a_turn_that_waits_for_a_person_holds_the_next(tmp_path):
    """Until it is answered; the state says so."""

    def asks(think):
        if think.thread[-1].text == "ask":
            return Message(
                sender="ada", calls=(ToolCall("1", "keep_in_memory", {"text": "The heron nests in March"}),)
            )
        return "done"

    async def scene(client, service):
        service.policy = service.host("default")._policy = rules(
            Rule(decision="ask", actions=("remember",)), default="allow"
        )
        await client.create_agent("ada")
        await client.tell("ada", "ask")
        second = await client.tell("ada", "next")
        while not (asked := await client.approvals()):
            await asyncio.sleep(0.01)
        while (doing := await client.agent_state("ada")).state != "waiting":
            await asyncio.sleep(0.01)
        await client.answer(asked[0].id, "approve")
        after = await client.message("ada", second.number, wait=20)
        return doing.queued, after.state, [one.text for one in (await client.recall(of="ada")).memories]

    assert with_client(tmp_path, scene, model=scripted(asks)) == (
        1,
        "succeeded",
        ["The heron nests in March"],
    )


def test_a_deleted_agent_leaves_nothing_to_its_namesake(tmp_path):
    """Neither mailbox, conversation nor memory; the runs stay for whoever asks what happened."""

    def keeps(think):
        if think.thread[-1].sender == "user":
            return Message(
                sender="ada", calls=(ToolCall("1", "keep_in_memory", {"text": "secret of the first"}),)
            )
        return "kept"

    async def scene(client, _):
        await client.create_agent("ada")
        await client.tell("ada", "remember", wait=20)
        before = len((await client.recall(of="ada")).memories)
        await client.delete_agent("ada")
        await client.create_agent("ada", memory=False)
        return (
            before,
            await client.messages("ada"),
            (await client.recall(of="ada")).memories,
            len((await client.runs()).runs),
        )

    assert with_client(tmp_path, scene, model=scripted(keeps)) == (1, [], [], 1)


def test_roles_and_the_policy_say_who_may(tmp_path):
    """An operator tells, a viewer reads, an admin writes; a policy is asked about each call."""
    policy = rules(Rule(decision="deny", actions=("call",), resources=("eve",)), default="allow")

    async def performed():
        service, found = service_at(tmp_path, policy=policy), []
        async with served(service) as http:
            await http.post("/v1/agents", json={"name": "ada", "memory": False})
            for role in ("viewer", "operator", "admin"):
                key, _ = service.keys.make(role, role=role)
                http.headers["authorization"] = f"Bearer {key}"
                answers = [
                    await http.post("/v1/agents", json={"name": "eve"}),
                    await http.post("/v1/agents/ada/messages", json={"text": "x"}),
                    await http.post("/v1/agents/eve/messages", json={"text": "x"}),
                    await http.get("/v1/agents/ada/messages"),
                    await http.post("/v1/memory", json={"text": f"of {role}"}),
                    await http.get("/v1/memory"),
                    await http.post("/v1/memory/forget", json={"everything": True, "of": "ada"}),
                ]
                found.append([one.status_code for one in answers])
        return found

    assert asyncio.run(performed()) == [
        [403, 403, 403, 200, 403, 200, 403],
        [403, 201, 404, 200, 201, 200, 403],
        [201, 201, 403, 200, 201, 200, 200],
    ]


SERVICE = """
import asyncio, os, sys
from pathlib import Path

import uvicorn

from coterie.doors.http.app import application
from coterie.models import scripted
from tests.http.serving import TOKEN, service_at

folder, port = Path(sys.argv[1]), int(sys.argv[2])

async def model(think):
    said = think.thread[-1].text
    with open(folder / "asked", "a") as file:
        file.write(said + "\\n")
    await asyncio.sleep(0.15)
    return await scripted(lambda _: f"re: {said}")(think)

uvicorn.run(application(service_at(folder, model=model), token=TOKEN), port=port, log_level="error")
"""


async def started(folder, port):
    """A service in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(folder), str(port)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(600):
            try:
                await http.get(f"http://127.0.0.1:{port}/healthz")
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return process
    raise AssertionError("the service does not come up")


def test_messages_outlive_a_killed_service(tmp_path):
    """Queued when the process was killed, each is handled once after the restart, and the conversation goes on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    texts = [f"message {n}" for n in range(6)]

    async def performed():
        process = await started(tmp_path, port)
        try:
            async with AsyncClient(f"http://127.0.0.1:{port}", TOKEN) as client:
                await client.create_agent("ada", memory=False)
                for text in texts:
                    await client.tell("ada", text)
                asked = tmp_path / "asked"
                while len(asked.read_text().splitlines() if asked.exists() else ()) < 2:
                    await asyncio.sleep(0.01)
                process.send_signal(signal.SIGKILL)
                process.wait()
                process = await started(tmp_path, port)
                last = (await client.messages("ada"))[0]
                await client.message("ada", last.number, wait=30)
                return await client.messages("ada"), [one.id for one in (await client.runs()).runs]
        finally:
            process.kill()
            process.wait()

    letters, runs = asyncio.run(asyncio.wait_for(performed(), 60))
    assert [(one.state, one.reply) for one in reversed(letters)] == [
        ("succeeded", f"re: {text}") for text in texts
    ]
    assert [one.run for one in letters] == runs
    assert len(set(runs)) == len(texts)


def test_a_replica_takes_what_another_has_left(tmp_path):
    """Two services on one store: a message is worked on by one of them, whichever was told."""

    async def performed():
        one, other = service_at(tmp_path), service_at(tmp_path)
        async with (
            served(one) as here,
            served(other) as there,
            AsyncClient(str(here.base_url), TOKEN) as mine,
            AsyncClient(str(there.base_url), TOKEN) as theirs,
        ):
            await mine.create_agent("ada", memory=False)
            await asyncio.gather(*(client.tell("ada", "x") for client in (mine, theirs) * 4))
            last = (await theirs.messages("ada"))[0]
            await theirs.message("ada", last.number, wait=20)
            return await mine.messages("ada"), len((await mine.runs()).runs)

    letters, runs = asyncio.run(asyncio.wait_for(performed(), 60))
    assert ({one.state for one in letters}, len(letters), runs) == ({"succeeded"}, 8, 8)


def test_a_mistake_of_a_client_is_a_problem(tmp_path):
    """A change that names no version, and a number that is none."""

    async def scene(client, _):
        await client.create_agent("ada")
        with pytest.raises(ServiceFailed, match="428"):
            await client._ask("PATCH", "/v1/agents/ada", None, body={})
        with pytest.raises(BadInput, match="no message"):
            await client.message("ada", 10**20)
        with pytest.raises(BadInput, match="no message"):
            await client.message("ada", 7)

    with_client(tmp_path, scene)
