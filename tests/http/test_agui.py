"""AG-UI by its own client, which refuses whatever is out of order or out of shape."""

from __future__ import annotations

import asyncio

from tests.http.node import told
from tests.http.serving import TOKEN, served, service_at


def by_client(tmp_path, team, *steps, before=None):
    """What the client is told in each of `steps`."""

    async def performed():
        async with served(service_at(tmp_path)) as client:
            said = await told("agui.mjs", str(client.base_url.join(f"/ag-ui/{team}")), TOKEN, *steps)
            return said, (await client.get("/v1/runs")).json()["runs"]

    return asyncio.run(performed())


def kinds(told_):
    return [event["type"] for event in told_["events"]]


def test_a_team_answers(tmp_path):
    """Its members show as subagents, each says what it says, and the answer is the agent's own message."""
    [said], _ = by_client(tmp_path, "panel", "ask:Rust?")
    assert (said["error"], said["outcome"]["type"]) == (None, "success")
    assert (kinds(said)[0], kinds(said)[-1]) == ("RUN_STARTED", "RUN_FINISHED")
    names = [event["name"] for event in said["events"] if event["type"] == "SUBAGENT_STARTED"]
    assert names == ["hope", "doubt", "hope", "doubt", "judge"]
    assert kinds(said).count("SUBAGENT_FINISHED") == 5
    last = said["messages"][-1]
    assert (last["role"], last["content"]) == ("assistant", "judge has read 7")
    assert said["events"][-1]["result"]["text"] == "judge has read 7"
    assert {
        event.get("subagentRunId") for event in said["events"] if event["type"] == "TEXT_MESSAGE_START"
    } >= {
        "debate/hope",
        None,
    }


def test_questions_interrupt_and_answers_resume(tmp_path):
    """The same run goes on; what was done before is not done again."""
    [asked, done], runs = by_client(tmp_path, "two", "ask:Go", "answer:yes")
    assert asked["outcome"]["type"] == "interrupt"
    one, other = asked["outcome"]["interrupts"]
    assert (one["message"], one["responseSchema"]) == ("Pay 3?", {"type": "string", "enum": ["yes", "no"]})
    assert (other["message"], other["reason"]) == ("To whom?", "question")
    assert (done["outcome"]["type"], done["messages"][-1]["content"]) == ("success", "yes, yes")
    assert [run["status"] for run in runs] == ["succeeded"]


def test_a_wrong_answer_is_an_error_and_the_question_stays(tmp_path):
    """One that is none of the choices is refused before anything goes on."""
    [asked, refused], runs = by_client(tmp_path, "person", "ask:Go", "answer:perhaps")
    assert asked["outcome"]["type"] == "interrupt"
    assert "422" in refused["error"]
    assert [run["status"] for run in runs] == ["waiting"]


def test_who_goes_away_stops_the_run(tmp_path):
    """As `abortRun` means it to; the run is cancelled, not lost."""

    async def performed():
        async with served(service_at(tmp_path)) as client:
            [said] = await told("agui.mjs", str(client.base_url.join("/ag-ui/nap")), TOKEN, "abort:Sleep")
            for _ in range(200):
                [run] = (await client.get("/v1/runs")).json()["runs"]
                if run["status"] != "running":
                    break
                await asyncio.sleep(0.01)
            return said, run["status"]

    said, status = asyncio.run(performed())
    assert "RUN_FINISHED" not in kinds(said)
    assert status == "cancelled"


def test_what_cannot_be_run_is_said(tmp_path):
    """No such team, no task, no input: a problem."""

    async def performed():
        async with served(service_at(tmp_path)) as client:
            input = {"threadId": "t", "runId": "r", "messages": [{"id": "1", "role": "user", "content": "x"}]}
            resume = [{"interruptId": "x.y", "status": "resolved"}]
            answers = [
                await client.post("/ag-ui/nobody", json=input),
                await client.post("/ag-ui/panel", json={**input, "messages": []}),
                await client.post("/ag-ui/panel", json={}),
                await client.post("/ag-ui/panel", json={**input, "resume": resume}),
            ]
            return [answer.status_code for answer in answers]

    assert asyncio.run(performed()) == [404, 422, 422, 409]
