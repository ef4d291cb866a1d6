"""A service that stops while a call is under way: the run is parked, and the next process goes on with it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from coterie.client import Client as Plain
from tests.mcp.clients import MODES

SRC = Path(__file__).parents[2] / "src"
TEAM = """
import asyncio
from pathlib import Path
from coterie import Team, tool
from coterie.words.effect import Use

@tool(idempotent=True)
def note(word: str) -> str:
    \"\"\"Leave a line.\"\"\"
    with Path("notes").open("a") as file:
        file.write(word + "\\n")
    return word

@tool(idempotent=True)
async def gate() -> str:
    \"\"\"Wait for somebody to open.\"\"\"
    while not Path("open").exists():
        await asyncio.sleep(0.02)
    return "open"

async def _nap(task):
    await Use("note", {"word": "begun"}, note)
    await Use("gate", {}, gate)
    await Use("note", {"word": "rested"}, note)
    return "rested"

nap = Team("nap", (), _nap)
"""


@contextmanager
def serving(folder: Path):
    """`coterie serve` in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {**os.environ, "COTERIE_TOKEN": "t", "PYTHONPATH": os.pathsep.join([str(folder), str(SRC)])}
    command = [sys.executable, "-m", "coterie", "serve", "team.py:nap", "--port", port, "--store", "runs.db"]
    with subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.DEVNULL) as process:
        try:
            with Plain(f"http://127.0.0.1:{port}", "t", patience=60) as plain:
                plain.health()
                yield process, f"http://127.0.0.1:{port}", plain
        finally:
            process.kill()


async def cut_off(folder: Path, url: str, process: subprocess.Popen[bytes], mode: str) -> None:
    """Call the team, and have its service stop in the middle."""
    async with (
        httpx2.AsyncClient(headers={"authorization": "Bearer t"}, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        call = asyncio.create_task(client.call_tool("nap", {"task": "Rest"}))
        while not (folder / "notes").exists():
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 60)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_call_under_way_when_the_service_stops(tmp_path, mode):
    """Nobody has cancelled it: the run goes on where it was in the next process, and does nothing twice."""
    (tmp_path / "team.py").write_text(TEAM)
    with serving(tmp_path) as (process, url, _):
        with suppress(Exception):  # the client has lost its server, and says so in many ways
            asyncio.run(cut_off(tmp_path, url, process, mode))
        assert process.returncode in (0, -signal.SIGTERM)
    (tmp_path / "open").touch()
    with serving(tmp_path) as (process, url, plain):
        [run] = plain.runs().runs
        assert plain.wait(run.id).text == "rested"
        process.terminate()
        process.wait(60)
    assert (tmp_path / "notes").read_text() == "begun\nrested\n"
