"""Replicas of a service over one PostgreSQL: what one was given, another one goes on with."""

from __future__ import annotations

import asyncio

import pytest
from a2a.types import a2a_pb2 as pb
from mcp_types import ElicitResult

from coterie.doors.a2a import courier
from coterie.doors.cli.serving import Serving
from coterie.memory import Memory
from coterie.words.principal import LOCAL
from tests.a2a.receiving import Receiver, receiving, states
from tests.a2a.talking import client_of, said, sent
from tests.a2a.test_push import ASKS, DONE, WORKING, to, told_at
from tests.http.serving import TEAMS, served
from tests.mcp.clients import called
from tests.stores.servers import postgres


@pytest.fixture(scope="module")
def database():
    with postgres() as url:
        yield url


@pytest.fixture
def replica(database, tmp_path, monkeypatch):
    """Makes a replica, each with a folder of its own and nothing of the others' in it."""
    file = tmp_path / "team.py"
    file.write_text(TEAMS)
    count, made_of = iter(range(9)), []

    def made():
        folder = tmp_path / f"replica-{next(count)}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        teams = tuple(f"{name}={file}:{name}" for name in ("person", "two"))
        made_of.append(Serving(store=database, teams=teams, private=("127.0.0.1",)).with_token().service())
        return made_of[-1]

    yield made
    for service in made_of:
        service.keys.close()


def base_of(http):
    return str(http.base_url).rstrip("/")


def test_a_client_that_wants_to_be_told_at_one_is_told_by_another(replica, monkeypatch):
    """Shown, listed and told by whichever is there; while both are, each change is told once."""
    monkeypatch.setattr(courier, "LOOK", 0.2)

    async def scene():
        receiver, one = Receiver(), replica()
        async with receiving(receiver) as url, served(replica()) as there:
            async with (
                served(one) as here,
                client_of(base_of(here), "two", streaming=False) as client,
                client_of(base_of(there), "two", streaming=False) as other,
            ):
                task = (await sent(client, told_at(url, "Go"))).task.id
                await receiver.until(lambda told: ASKS in states(told))
                listed = pb.ListTaskPushNotificationConfigsRequest(task_id=task)
                kept = (await other.list_task_push_notification_configs(listed)).configs
                await sent(other, said("yes", task=task))
                await receiver.until(lambda told: states(told).count(ASKS) == 2)
            async with client_of(base_of(there), "two", streaming=False) as other:
                await sent(other, said("Ada", task=task))
                await receiver.ended()
        return [config.token for config in kept], receiver.told

    tokens, told = asyncio.run(asyncio.wait_for(scene(), 90))
    assert tokens == ["t0"]
    assert [state for state in states(told) if state != WORKING] == [ASKS, ASKS, DONE]
    assert len({headers["idempotency-key"] for headers, _ in told}) == len(told)


def test_a_config_that_is_deleted_at_another_is_told_no_more(replica):
    """Whoever had it finds that it is gone."""

    async def scene():
        receiver = Receiver()
        async with receiving(receiver) as url, served(replica()) as one, served(replica()) as other:
            async with client_of(base_of(one), "person", streaming=False) as client:
                task = (await sent(client, said("Go"))).task.id
                await client.create_task_push_notification_config(to(url, task, "gone"))
            async with client_of(base_of(other), "person", streaming=False) as client:
                gone = pb.DeleteTaskPushNotificationConfigRequest(task_id=task, id="gone")
                await client.delete_task_push_notification_config(gone)
                await client.create_task_push_notification_config(to(url, task, "stays"))
                await sent(client, said("yes", task=task))
            await receiver.ended()
            return receiver.told

    told = asyncio.run(asyncio.wait_for(scene(), 90))
    whose = [headers["idempotency-key"].partition(".")[0] for headers, _ in told]
    ends = [id for id, one in zip(whose, told, strict=True) if states([one]) == [DONE]]
    assert (ends, set(whose) <= {"gone", "stays"}) == (["stays"], True)


def test_what_one_has_sealed_another_opens(replica, tmp_path):
    """A stateless MCP client is asked by one, and answers at another; neither was told a token."""

    async def yes(_, __):
        return ElicitResult(action="accept", content={"answer": "yes"})

    async def scene():
        first, second = replica(), replica()
        seals = first.secret == second.secret
        async with called(tmp_path, service=first, elicitation_callback=yes) as client:
            waits = await client.session.call_tool("person", {"task": "Go?"}, allow_input_required=True)
        given = {
            key: ElicitResult(action="accept", content={"answer": "yes"}) for key in waits.input_requests
        }
        async with called(tmp_path, service=second, elicitation_callback=yes) as client:
            answer = await client.call_tool(
                "person", {"task": "Go?"}, input_responses=given, request_state=waits.request_state
            )
        return seals, answer.content[0].text

    assert asyncio.run(asyncio.wait_for(scene(), 90)) == (True, "yes")


def test_what_is_remembered_at_one_is_known_to_another(replica):
    """Without anybody saying where: it is where the journals are."""

    async def scene():
        found = []
        for text in ("", "The heron nests in June."):
            service = replica()
            async with service:
                memory: Memory = service.memory(LOCAL)
                if text:
                    found = [one.text for one in await memory.recent(minutes=5)]
                else:
                    await memory.remember("The heron nests in June.", key="heron")
        return found

    assert asyncio.run(scene()) == ["The heron nests in June."]
