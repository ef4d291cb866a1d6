"""Teams as tools, by the SDK's own client over HTTP, in the revision with sessions and in the stateless one."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from mcp import MCPError
from mcp_types import ElicitResult

from coterie.roles import library, role
from tests.http.serving import service_at
from tests.mcp.clients import MODES, called

pytestmark = pytest.mark.parametrize("mode", MODES)


def answering(*answers):
    """A client's person, who fills in these answers one after the other; None is a no."""
    left, forms = list(answers), []

    async def fill_in(context, params):
        forms.append((params.message, params.requested_schema))
        answer = left.pop(0)
        if answer is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content={"answer": answer})

    return fill_in, forms


def played(tmp_path, mode, play, **options):
    async def performed():
        async with called(tmp_path, mode, **options) as client:
            return await play(client)

    return asyncio.run(asyncio.wait_for(performed(), 30))


async def runs(client):
    return (await client.plain.get("/v1/runs")).json()["runs"]


async def until(client, status):
    for _ in range(400):
        seen = await runs(client)
        if [run["status"] for run in seen] == [status]:
            return seen[0]
        await asyncio.sleep(0.01)
    raise AssertionError(seen)


def test_a_team_is_a_tool(tmp_path, mode):
    """It takes a task, answers as text and as data, and tells of its members meanwhile."""

    async def play(client):
        told = []

        async def tell(progress, total, message):
            told.append((progress, message))

        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("panel", {"task": "Rust?"}, progress_callback=tell)
        return tools, answer, told

    tools, answer, told = played(tmp_path, mode, play)
    assert set(tools) == {"panel", "person", "two", "slow", "nap", "listening", "coterie_result"}
    assert tools["panel"].input_schema["required"] == ["task"]
    assert (answer.is_error, answer.content[0].text) == (False, "judge has read 7")
    assert answer.structured_content["status"] == "succeeded"
    numbers = [number for number, _ in told]
    assert numbers == sorted(set(numbers))
    assert "debate/judge begins" in " ".join(said for _, said in told)


def test_what_a_run_asks_is_a_form(tmp_path, mode):
    """The person fills it in, a wrong answer is asked about again, and it stays one run."""
    fill_in, forms = answering("yes", "Ada")

    async def play(client):
        return await client.call_tool("two", {"task": "Go"}), await runs(client)

    answer, seen = played(tmp_path, mode, play, elicitation_callback=fill_in)
    assert answer.content[0].text == "yes, Ada"
    assert [run["status"] for run in seen] == ["succeeded"]
    assert [message for message, _ in forms] == ["Pay 3?", "To whom?"]
    assert forms[0][1]["properties"]["answer"]["enum"] == ["yes", "no"]


def test_a_wrong_answer_is_asked_about_again(tmp_path, mode):
    """With what is wrong with it."""
    fill_in, forms = answering("perhaps", "no")

    async def play(client):
        return await client.call_tool("person", {"task": "Go?"})

    answer = played(tmp_path, mode, play, elicitation_callback=fill_in)
    assert answer.content[0].text == "no"
    assert "'perhaps' is none of the choices" in forms[1][0]


def test_who_will_not_answer_stops_the_run(tmp_path, mode):
    """A declined form is no answer that the team could go on with."""
    fill_in, _ = answering(None)

    async def play(client):
        return await client.call_tool("person", {"task": "Go?"})

    answer = played(tmp_path, mode, play, elicitation_callback=fill_in)
    assert answer.is_error
    assert answer.structured_content["status"] == "cancelled"


def test_a_client_without_forms_is_told_who_can_answer(tmp_path, mode):
    """The run waits, a person answers elsewhere, and `coterie_result` has what comes of it."""

    async def play(client):
        waits = await client.call_tool("person", {"task": "Go?"})
        [asked] = waits.structured_content["questions"]
        answered = await client.plain.post(f"/v1/approvals/{asked['id']}", json={"value": "yes"})
        assert answered.status_code == 200
        return waits, await client.call_tool("coterie_result", {"run": waits.structured_content["run"]})

    waits, answer = played(tmp_path, mode, play)
    assert waits.structured_content["status"] == "waiting"
    assert "coterie answer" in waits.content[0].text
    assert answer.content[0].text == "yes"


def test_a_cancelled_call_stops_its_run(tmp_path, mode):
    """However the revision says it: by a notification, or by closing the stream."""

    async def play(client):
        call = asyncio.create_task(client.call_tool("slow", {"task": "Sleep"}))
        await until(client, "running")
        call.cancel()
        return await until(client, "cancelled")

    assert played(tmp_path, mode, play)["team"] == "slow"


def test_runs_can_be_read(tmp_path, mode):
    """What they came to, every event, what was said, and the board."""

    async def play(client):
        answer = await client.call_tool("panel", {"task": "Rust?"})
        at = f"coterie://runs/{answer.structured_content['run']}"
        places = (at, f"{at}/journal", f"{at}/transcript", f"{at}/board", "coterie://runs")
        return [(await client.read_resource(place)).contents[0].text for place in places]

    run, journal, said, board, all_ = played(tmp_path, mode, play)
    events = [json.loads(line) for line in journal.splitlines()]
    assert json.loads(run)["text"] == "judge has read 7"
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert "judge has read 7" in said
    assert json.loads(board) == {}
    assert [one["status"] for one in json.loads(all_)] == ["succeeded"]


def test_what_is_remembered_can_be_read(tmp_path, mode):
    """One's own and what is shared with one, by what it says, its tags or its key; nothing of another tenant."""
    service = service_at(tmp_path)
    other, _ = service.keys.make("bob", tenant="elsewhere", role="operator")

    async def kept(client):
        notes = (("heron", "The heron nests in March."), ("crane", "The crane dances."))
        for key, text in notes:
            body = {"key": key, "text": text, "tags": ["bird", key]}
            assert (await client.plain.post("/v1/memory", json=body)).status_code == 201
        places = ("coterie://memory?text=nests", "coterie://memory?tags=bird,crane", "coterie://memory/heron")
        return [json.loads((await client.read_resource(place)).contents[0].text) for place in places]

    async def performed():
        async with called(tmp_path, mode, service=service) as client:
            seen = await kept(client)
        async with called(tmp_path, mode, token=other) as stranger:
            with pytest.raises(MCPError, match="nothing is remembered as 'heron'"):
                await stranger.read_resource("coterie://memory/heron")
            nothing = (await stranger.read_resource("coterie://memory")).contents[0].text
            return seen, json.loads(nothing)

    (best, tagged, named), nothing = asyncio.run(asyncio.wait_for(performed(), 30))
    assert best[0]["text"] == "The heron nests in March."
    assert [one["key"] for one in tagged] == ["crane"]
    assert [(one["key"], one["trust"]) for one in named] == [("heron", "untrusted")]
    assert nothing == []


def test_roles_are_prompts(tmp_path, mode):
    """What a member of a team is told, with a task if there is one."""

    async def play(client):
        names = {prompt.name for prompt in (await client.list_prompts()).prompts}
        return names, await client.get_prompt("critic", {"task": "Look at this."})

    names, prompt = played(tmp_path, mode, play)
    assert names == set(library())
    assert prompt.messages[0].content.text == role("critic").instructions + "\n\nLook at this."


def test_what_is_not_there_is_said(tmp_path, mode):
    """No such run, no such team, no task: one clear answer each, and nothing is begun."""

    async def play(client):
        with pytest.raises(MCPError, match="nobody"):
            await client.read_resource("coterie://runs/nobody")
        return (
            await client.call_tool("coterie_result", {"run": "nobody"}),
            await client.call_tool("nobody", {"task": "x"}),
            await client.call_tool("panel", {}),
            await runs(client),
        )

    *answers, seen = played(tmp_path, mode, play)
    assert [answer.is_error for answer in answers] == [True, True, True]
    assert "'nobody'" in answers[0].content[0].text
    assert seen == []


def test_keys_say_whose_runs_and_what_for(tmp_path, mode):
    """A viewer reads and begins nothing; another tenant's runs do not exist."""
    service = service_at(tmp_path)
    viewer, _ = service.keys.make("eve", tenant="default", role="viewer")
    other, _ = service.keys.make("bob", tenant="elsewhere", role="operator")

    async def as_(token, play):
        async with called(tmp_path, mode, token=token) as client:
            return await play(client)

    async def begun(client):
        return (await client.call_tool("panel", {"task": "Rust?"})).structured_content["run"]

    async def refused(client):
        with pytest.raises(MCPError, match="operator"):
            await client.call_tool("panel", {"task": "Rust?"})

    async def performed():
        async with called(tmp_path, mode, service=service) as client:
            run = await begun(client)
        await as_(viewer, refused)
        seen = await as_(viewer, lambda client: client.call_tool("coterie_result", {"run": run}))
        hidden = await as_(other, lambda client: client.call_tool("coterie_result", {"run": run}))
        return seen.is_error, hidden.is_error

    assert asyncio.run(performed()) == (False, True)


def test_who_has_no_key_is_told_where_to_get_one(tmp_path, mode):
    """As a resource server says it (RFC 9728)."""

    async def play(client):
        async with httpx.AsyncClient(base_url=client.plain.base_url, trust_env=False) as stranger:
            refused = await stranger.post("/mcp", json={})
            where = refused.headers["www-authenticate"].partition('resource_metadata="')[2].rstrip('"')
            return refused.status_code, (await stranger.get(where)).json(), str(client.plain.base_url)

    status, metadata, base = played(tmp_path, mode, play)
    assert status == 401
    assert metadata["resource"].rstrip("/") == base.rstrip("/") + "/mcp"
    assert metadata["bearer_methods_supported"] == ["header"]
