"""Runs as MCP tasks, by a client that takes them: created, asked about, answered, cancelled, after a restart too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import MCPError
from mcp.client import advertise
from mcp_types import Request, Result
from pydantic import ConfigDict

from tests.http.serving import service_at
from tests.mcp.clients import called

TASKS = "io.modelcontextprotocol/tasks"
FINAL = ("completed", "failed", "cancelled")


class Raw(Result):
    """Whatever the server says."""

    model_config = ConfigDict(extra="allow")


class Said(Request[dict[str, Any], str]):
    pass


class OfTask(Said):
    name_param = "taskId"


async def ask(client, method, **params):
    kind = OfTask if "taskId" in params else Said
    answer = await client.session.send_request(kind(method=method, params=params), Raw)
    return answer.model_dump(by_alias=True)


async def begun(client, team):
    return await ask(client, "tools/call", name=team, arguments={"task": "Go"})


async def until(client, task, *statuses):
    for _ in range(400):
        seen = await ask(client, "tasks/get", taskId=task)
        if seen["status"] in statuses:
            return seen
        await asyncio.sleep(0.01)
    raise AssertionError(seen)


def played(tmp_path, play, *, extensions=(TASKS,)):
    async def performed():
        known = [advertise(one) for one in extensions]
        async with called(tmp_path, "auto", extensions=known) as client:
            return await play(client)

    return asyncio.run(asyncio.wait_for(performed(), 30))


def test_a_call_is_a_task(tmp_path):
    """It is there at once, and has the result of the call in the end."""

    async def play(client):
        task = await begun(client, "panel")
        return task, await until(client, task["taskId"], *FINAL)

    task, done = played(tmp_path, play)
    assert (task["resultType"], task["ttlMs"]) == ("task", None)
    assert (done["resultType"], done["status"]) == ("complete", "completed")
    assert done["result"]["content"][0]["text"] == "judge has read 7"
    assert task["createdAt"] == done["createdAt"] <= done["lastUpdatedAt"]


def test_questions_are_answered_one_by_one(tmp_path):
    """What is answered is asked no more, and what is none of ours changes nothing."""

    async def play(client):
        task = (await begun(client, "two"))["taskId"]
        asks = (await until(client, task, "input_required"))["inputRequests"]
        first, second = asks
        said = {first: {"action": "accept", "content": {"answer": "yes"}}, "strange": {"ignored": True}}
        await ask(client, "tasks/update", taskId=task, inputResponses=said)
        left = await ask(client, "tasks/get", taskId=task)
        said = {second: {"action": "accept", "content": {"answer": "Ada"}}}
        await ask(client, "tasks/update", taskId=task, inputResponses=said)
        return second, left, await until(client, task, *FINAL)

    second, left, done = played(tmp_path, play)
    assert (left["status"], list(left["inputRequests"])) == ("input_required", [second])
    assert done["result"]["content"][0]["text"] == "yes, Ada"


def test_a_task_is_cancelled(tmp_path):
    """Twice is as good as once."""

    async def play(client):
        task = (await begun(client, "slow"))["taskId"]
        acks = [await ask(client, "tasks/cancel", taskId=task) for _ in range(2)]
        return acks, await until(client, task, *FINAL)

    acks, done = played(tmp_path, play)
    assert [ack["resultType"] for ack in acks] == ["complete", "complete"]
    assert done["status"] == "cancelled"


def test_a_task_survives_a_restart(tmp_path):
    """It is the run: another service on the same files has it, with its question, and goes on."""

    async def first(client):
        task = (await begun(client, "person"))["taskId"]
        await until(client, task, "input_required")
        return task

    async def then(client):
        [asked] = (await until(client, task, "input_required"))["inputRequests"]
        said = {asked: {"action": "accept", "content": {"answer": "yes"}}}
        await ask(client, "tasks/update", taskId=task, inputResponses=said)
        return await until(client, task, *FINAL)

    task = played(tmp_path, first)
    assert played(tmp_path, then)["result"]["content"][0]["text"] == "yes"


def test_what_is_under_way_goes_on_after_a_restart(tmp_path):
    """A task that worked when its service stopped works when the next one has started."""

    async def first(client):
        return (await begun(client, "slow"))["taskId"]

    async def then(client):
        seen = await ask(client, "tasks/get", taskId=task)
        await ask(client, "tasks/cancel", taskId=task)
        return seen["status"]

    task = played(tmp_path, first)
    assert played(tmp_path, then) == "working"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_who_knows_no_tasks_gets_none(tmp_path, method):
    """Neither by asking nor as an answer."""

    async def play(client):
        answer = await begun(client, "panel")
        with pytest.raises(MCPError, match=TASKS):
            await ask(client, method, taskId="x", inputResponses={})
        return answer

    assert played(tmp_path, play, extensions=())["resultType"] == "complete"


def test_an_unknown_task_is_said_to_be_so(tmp_path):
    """So is another tenant's."""

    async def performed():
        service = service_at(tmp_path)
        other, _ = service.keys.make("bob", tenant="elsewhere", role="operator")
        known = [advertise(TASKS)]
        async with called(tmp_path, service=service, extensions=known) as client:
            task = (await begun(client, "panel"))["taskId"]
        async with called(tmp_path, token=other, extensions=known) as client:
            for id in (task, "nobody"):
                with pytest.raises(MCPError) as refused:
                    await ask(client, "tasks/get", taskId=id)
                codes.append(refused.value.error.code)

    codes = []
    asyncio.run(performed())
    assert codes == [-32602, -32602]
