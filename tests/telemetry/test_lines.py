"""Log lines, and what a service shows of its figures."""

from __future__ import annotations

import asyncio
import io
import json

from coterie.telemetry.lines import Lines
from coterie.telemetry.observers import figures
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
