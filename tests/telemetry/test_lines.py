"""Log lines, and what a service shows of its figures."""

from __future__ import annotations

import asyncio
import io
import json

from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.service import Service
from coterie.models.gate import Gate, gated, waits
from coterie.stores.places import store_at
from coterie.telemetry.lines import Lines
from coterie.telemetry.observers import figures
from coterie.words.message import Message, ToolCall
from coterie.words.usage import Usage
from tests.http.serving import served, service_at


def test_lines_have_run_and_path_and_no_content(tmp_path):
    """What begins, fails, asks and ends has a line of JSON; tasks and messages have none."""
    stream = io.StringIO()

    async def scene():
        service = service_at(tmp_path)
        service.observers = (Lines(stream),)
        async with served(service) as client:
            for team in ("panel", "two"):
                run = (await client.post("/v1/runs", json={"team": team, "task": "secret"})).json()["id"]
                await client.get(f"/v1/runs/{run}/wait")

    asyncio.run(scene())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["opened", "closed", "opened", "asks", "asks"]
    assert (lines[1]["status"], lines[1]["level"], lines[0]["by"]) == ("succeeded", "info", "local")
    assert all(line["run"] and "secret" not in json.dumps(line) for line in lines)


def test_prometheus_reads_figures(tmp_path):
    """With a token, in its own format; agents, models and runs are counted."""

    async def scene():
        service = service_at(tmp_path)
        service.observers = (figures(),)
        async with served(service) as client:
            run = (await client.post("/v1/runs", json={"team": "panel", "task": "x"})).json()["id"]
            await client.get(f"/v1/runs/{run}/wait")
            await client.post("/v1/runs", json={"team": "two", "task": "x"})
            nobody = await client.get("/metrics", headers={"authorization": ""})
            return nobody.status_code, await client.get("/metrics")

    refused, answer = asyncio.run(scene())
    assert refused == 401
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'agent_requests_total{agent="judge",outcome="done"} 1.0' in lines
    assert 'model_requests_total{outcome="done"} 5.0' in lines
    assert 'coterie_runs_total{status="succeeded"} 1.0' in lines


def test_without_figures_there_is_nothing_to_read(tmp_path):
    """A service that does not count says what to install."""

    async def scene():
        async with served(service_at(tmp_path)) as client:
            return await client.get("/metrics")

    answer = asyncio.run(scene())
    assert (answer.status_code, "coterie[otel]" in answer.text) == (404, True)


TEAMS = """
from coterie import Agent, Human, Team, tool

@tool
def lookup(topic: str) -> str:
    \"\"\"What is known.\"\"\"
    if topic == "nothing":
        raise ValueError("nothing is known")
    return f"all of {topic}"

clerk = Agent("clerk", tools=[lookup])
person = Human("ada", choices=("yes", "no"))
"""


class Clerk:
    """Looks up a topic that is there, and one that is not, and reports what each request cost."""

    name = "clerk"
    reported = Usage()

    async def __call__(self, think):
        answers = sum(bool(message.answers) for message in think.thread)
        usage = Usage(input_tokens=100, output_tokens=20, requests=1, usd=0.25)
        self.reported += usage
        if answers < 2:
            call = ToolCall(f"c{answers}", "lookup", {"topic": ("tides", "nothing")[answers]})
            return Message(sender=think.actor, calls=(call,), usage=usage)
        return Message(sender=think.actor, text="known", usage=usage)


def test_every_figure_is_right_after_real_runs(tmp_path):
    """Calls of agents and how long they took, tools, models, tokens, cost, ends, what waits, and waits at a gate."""
    (tmp_path / "team.py").write_text(TEAMS)
    model = Clerk()

    async def scene():
        passed = sum(waits.up_to)
        service = Service(
            Library(f"{name}={tmp_path / 'team.py'}:{name}" for name in ("clerk", "person")),
            KeyRing(tmp_path / "keys.db"),
            lambda tenant: store_at(tmp_path / "runs.db", tenant),
            model=gated(model, Gate(rate=60_000)),
            observers=(figures(),),
        )
        async with served(service) as client:
            for team in ("clerk", "clerk", "person", "person"):
                run = (await client.post("/v1/runs", json={"team": team, "task": "x"})).json()["id"]
                await client.get(f"/v1/runs/{run}/wait")
            await client.post(f"/v1/runs/{run}/pause", json={})
            return passed, (await client.get("/metrics")).text

    passed, text = asyncio.run(scene())
    read = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line[0] != "#"
    }
    expected = {
        'agent_requests_total{agent="clerk",outcome="done"}': 2,
        'agent_duration_seconds_count{agent="clerk"}': 2,
        "agent_queue_size": 0,
        'tool_usage_total{outcome="done",tool="lookup"}': 2,
        'tool_usage_total{outcome="failed",tool="lookup"}': 2,
        'model_requests_total{outcome="done"}': 6,
        'coterie_tokens_total{direction="input"}': model.reported.input_tokens,
        'coterie_tokens_total{direction="output"}': model.reported.output_tokens,
        "coterie_cost_usd_total": model.reported.usd,
        'coterie_runs_total{status="succeeded"}': 2,
        'coterie_runs_parked{status="waiting"}': 1,
        'coterie_runs_parked{status="paused"}': 1,
        "model_gate_waiting": 0,
        "model_gate_wait_seconds_count": passed + 6,
    }
    assert {name: read[name] for name in expected} == expected
    assert 0 <= read['agent_duration_seconds_sum{agent="clerk"}'] < 60
    assert model.reported == Usage(input_tokens=600, output_tokens=120, requests=6, usd=1.5)


def test_the_figures_of_all_tenants_are_for_no_other_tenant(tmp_path):
    """A viewer of the tenant `default` reads them; an administrator of another one is told why not."""

    async def scene():
        service = service_at(tmp_path)
        service.observers = (figures(),)
        async with served(service) as client:
            answers = []
            for tenant, role in (("default", "viewer"), ("acme", "admin")):
                key, _ = service.keys.make("prometheus", tenant=tenant, role=role)
                answers.append(await client.get("/metrics", headers={"authorization": f"Bearer {key}"}))
            return answers

    ours, theirs = asyncio.run(scene())
    assert (ours.status_code, theirs.status_code) == (200, 403)
    assert "of all tenants" in theirs.json()["detail"]
