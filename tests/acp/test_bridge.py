"""The ACP bridge by the real `acp-sdk` client, which lives in an environment of its own (`make acp-client`)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.http.serving import TOKEN, served, service_at

PYTHON = Path(__file__).parents[2] / ".venv-acp" / "bin" / "python"
ECHO = """
from coterie import Team

async def _echo(task):
    said = [message.text for message in task.context] if task.context else []
    return " | ".join([*said, task.text])

echo = Team("echo", (), _echo)
"""


def test_the_real_client_is_served(tmp_path):
    """Agents, the three modes, awaiting and resuming, cancelling, sessions, and what cannot be."""
    if not PYTHON.exists():
        pytest.skip("there is no acp-sdk here: `make acp-client` installs it")
    (tmp_path / "echo.py").write_text(ECHO)
    service = service_at(tmp_path)
    service.library.offer(f"{tmp_path / 'echo.py'}:echo")

    async def performed():
        async with served(service) as client:
            process = await asyncio.create_subprocess_exec(
                PYTHON, Path(__file__).with_name("client.py"), str(client.base_url.join("/acp")), TOKEN,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, err = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, err.decode()
            return dict(json.loads(line) for line in out.decode().splitlines())

    told = asyncio.run(performed())
    stream = told.pop("stream")
    assert stream[:2] == ["run.created", "run.in-progress"]
    assert stream[-4:] == ["message.created", "message.part", "message.completed", "run.completed"]
    assert told == {
        "agents": ["panel", "person", "two", "slow", "nap", "listening", "echo"],
        "agent": "panel",
        "sync": ["completed", "judge has read 7", "agent/debate"],
        "events": ["message.part", "message.completed", "run.completed"],
        "awaits": ["awaiting", "Go? (yes, no)"],
        "wrong": "invalid_input",
        "resumed": ["completed", "yes"],
        "resumed stream": "run.completed",
        "async": "in-progress",
        "cancelled": "cancelled",
        "twice": "server_error",
        "nobody": "not_found",
        "session": "My name is Ada. | My name is Ada. | Who am I?",
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"{}", 422),
        (b'{"agent_name": "panel", "input": []}', 422),
        (b'{"agent_name": "panel", "input": [{"parts": [{"content_url": "http://a"}]}]}', 422),
        (b'{"agent_name": "nobody", "input": [{"parts": [{"content": "x"}]}]}', 404),
    ],
)
def test_bad_input_begins_nothing(tmp_path, body, status):
    """And is answered by an error as this protocol has them."""

    async def performed():
        async with served(service_at(tmp_path)) as client:
            answer = await client.post("/acp/runs", content=body)
            return answer.status_code, set(answer.json()), (await client.get("/v1/runs")).json()["runs"]

    assert asyncio.run(performed()) == (status, {"code", "message"}, [])


def test_a_viewer_begins_nothing(tmp_path):
    """It may look at agents and runs."""
    service = service_at(tmp_path)
    token, _ = service.keys.make("eve", role="viewer")

    async def performed():
        async with served(service) as client:
            client.headers["authorization"] = f"Bearer {token}"
            looks, begins = await client.get("/acp/agents"), await client.post("/acp/runs", json={})
            return looks.status_code, begins.status_code

    assert asyncio.run(performed()) == (200, 403)
