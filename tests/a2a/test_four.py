"""One run across four processes, each killed in the middle: our team, by A2A, by A2A, by MCP a server from npm."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.a2a.receiving import free_port
from tests.http import node
from tests.http.serving import TOKEN

TRACE, ASKER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"authorization": f"Bearer {TOKEN}"}
TEAMS = '''
import os
from coterie import Agent, Remote, Sleep, Team, do
from coterie.models import scripted
from coterie.tools import mcp

WHO, STEPS = os.environ["WHO"], int(os.environ["STEPS"])
near = Remote("http://127.0.0.1:{near}/a2a/near", name="near", key="FAR_KEY")
far = Remote("http://127.0.0.1:{far}/a2a/far", name="far", key="FAR_KEY")
thinker = Agent("thinker", model=scripted("a thought"))
tools = {{}}
if WHO == "far":
    server = mcp("http://127.0.0.1:{proxy}/mcp")
    tools = {{tool.name: tool for tool in server.__enter__()}}

def note(n: int) -> None:
    """Do something that must not be done twice."""
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{{n}}\\n")

async def _asker(task):
    return f"asker: {{(await near(task)).text}}"

async def _near(task):
    return f"near: {{(await far(task)).text}}"

async def _far(task):
    sums = []
    for n in range(STEPS):
        await thinker(f"thought {{n}}")
        sums.append((await do(tools["get-sum"], a=n, b=n))["content"][0]["text"])
        await do(note, n)
        await Sleep(2.0)
    return f"far: {{len(sums)}} sums, the last: {{sums[-1]}}"

team = {{
    "asker": Team("asker", (near,), _asker),
    "near": Team("near", (far,), _near),
    "far": Team("far", (thinker,), _far),
}}[WHO]
'''


class Process:
    """One of the four, which can be killed and started again; its spans are in a file."""

    def __init__(self, folder, name, ports, steps):
        self.folder, self.name, self.port = folder / name, name, ports[name]
        self.folder.mkdir()
        self.process = None
        (self.folder / "team.py").write_text(TEAMS.format(**ports))
        self.environment = {
            **os.environ,
            "WHO": name,
            "STEPS": str(steps),
            "NOTES": str(folder / "notes"),
            "FAR_KEY": TOKEN,
            "PORT": str(self.port),
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def command(self):
        if self.name == "tools":
            place = node.FOLDER / "node_modules" / "@modelcontextprotocol" / "server-everything" / "dist"
            return ["node", place / "index.js", "streamableHttp"]
        serve = [sys.executable, "-m", "coterie", "serve", f"{self.name}={self.folder / 'team.py'}:team"]
        return [
            *serve,
            "--port",
            str(self.port),
            "--token",
            TOKEN,
            "--store",
            str(self.folder / "runs.db"),
        ]

    async def start(self):
        with (self.folder / "out").open("ab") as out, (self.folder / "err").open("ab") as err:
            self.process = subprocess.Popen(self.command(), env=self.environment, stdout=out, stderr=err)
        async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(120):
            while True:
                try:
                    await http.get(f"http://127.0.0.1:{self.port}/healthz")
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
                else:
                    return

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def spans(self):
        """What it has exported, in all its lives."""
        text, found, decoder = (self.folder / "out").read_text(), [], json.JSONDecoder()
        at = text.find("{")
        while at >= 0:
            span, end = decoder.raw_decode(text, at)
            found.append(span)
            at = text.find("{", end)
        return found

    async def run(self):
        """The one run there is."""
        base = f"http://127.0.0.1:{self.port}/v1/runs"
        async with httpx.AsyncClient(trust_env=False, headers=HEADERS, timeout=60) as http:
            [seen] = (await http.get(base)).json()["runs"]
            return (await http.get(f"{base}/{seen['id']}")).json()


class Witness:
    """Stands before the tool server, and sees each call: its arguments, and the trace that it says it is a part of."""

    def __init__(self, port):
        self.there = f"http://127.0.0.1:{port}"
        self.calls = []

    async def passed_on(self, request):
        body = await request.body()
        said = json.loads(body) if body else {}
        if said.get("method") == "tools/call":
            about = said["params"]
            parent = about.get("_meta", {}).get("traceparent") or request.headers.get("traceparent")
            self.calls.append((about["arguments"], parent))
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        sent = self.http.build_request(request.method, f"{self.there}/mcp", content=body, headers=headers)
        try:
            answer = await self.http.send(sent, stream=True)
        except httpx.HTTPError:
            return StreamingResponse(iter(()), status_code=502)
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name in ("content-type", "mcp-session-id")
        }
        return StreamingResponse(_through(answer), answer.status_code, kept)

    @asynccontextmanager
    async def standing(self, port):
        app = Starlette(routes=[Route("/mcp", self.passed_on, methods=["GET", "POST", "DELETE"])])
        server = uvicorn.Server(
            uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1)
        )
        async with httpx.AsyncClient(trust_env=False, timeout=600) as self.http:
            task = asyncio.create_task(server.serve())
            try:
                yield
            finally:
                server.should_exit = True
                await task


async def _through(answer):
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError:  # it was killed
        return
    finally:
        await answer.aclose()


async def crossed(folder, steps, victims):
    """What becomes of a run whose `victims` are killed, one after every second step, and of its parts."""
    ports = {name: free_port() for name in ("asker", "near", "far", "tools", "proxy")}
    four = {name: Process(folder, name, ports, steps) for name in ("tools", "far", "near", "asker")}
    witness, notes = Witness(ports["tools"]), folder / "notes"
    async with witness.standing(ports["proxy"]):
        try:
            await four["tools"].start()
            await asyncio.gather(*(one.start() for one in four.values() if one.name != "tools"))
            asked = {"team": "asker", "task": "Dig", "limits": {"requests": 40}}
            parent = {"traceparent": f"00-{TRACE}-{ASKER}-01"}
            base = f"http://127.0.0.1:{ports['asker']}/v1/runs"
            async with httpx.AsyncClient(trust_env=False, headers=HEADERS | parent, timeout=60) as http:
                (await http.post(base, json=asked)).raise_for_status()
            for n, name in enumerate(victims, 1):
                while not notes.exists() or len(notes.read_text().split()) < 2 * n:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.6)  # it sleeps now: no step is in doubt
                four[name].kill()
                await four[name].start()
            while (run := await four["asker"].run())["status"] in ("running", "interrupted"):
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.3)  # the last spans are exported
            runs = {"asker": run, "near": await four["near"].run(), "far": await four["far"].run()}
            spans = {name: four[name].spans() for name in runs}
        finally:
            for one in four.values():
                one.kill()
    return runs, notes.read_text().split(), witness.calls, spans


def is_one(steps, runs, notes, calls, spans):
    """See that it was one run: one answer, nothing twice, one budget, one trace with true parents."""
    last = f"The sum of {steps - 1} and {steps - 1} is {2 * (steps - 1)}."
    assert runs["asker"]["text"] == f"asker: near: far: {steps} sums, the last: {last}"
    assert notes == [str(n) for n in range(steps)]
    assert [given["a"] for given, _ in calls] == list(range(steps))
    assert [runs[name]["usage"]["requests"] for name in runs] == [steps] * 3
    by_id = {span["context"]["span_id"]: (name, span) for name, one in spans.items() for span in one}
    greeting = {"MCP send server/discover", "MCP send initialize", "MCP send tools/list"}
    traces = {span["context"]["trace_id"] for _, span in by_id.values() if span["name"] not in greeting}
    assert traces == {f"0x{TRACE}"}
    for name, above in (("near", "asker"), ("far", "near")):
        tops = [span for span in spans[name] if span["name"].startswith("invoke_workflow")]
        assert {by_id[span["parent_id"]][0] for span in tops} == {above}
    sends = [by_id[f"0x{parent.split('-')[2]}"][1] for _, parent in calls]
    assert {by_id[send["parent_id"]][1]["name"] for send in sends} == {"execute_tool get-sum"}


@pytest.mark.slow
def test_a_run_across_four_processes_outlives_one_of_them(tmp_path):
    """The one in which the work is done is killed: one answer, one budget, one trace, nothing done twice."""
    node.installed()
    is_one(4, *asyncio.run(asyncio.wait_for(crossed(tmp_path, 4, ["far"]), 280)))


@pytest.mark.chaos
def test_a_run_across_four_processes_outlives_each_of_them(tmp_path):
    """All four are killed, one after the other."""
    node.installed()
    is_one(10, *asyncio.run(asyncio.wait_for(crossed(tmp_path, 10, ["asker", "near", "far", "tools"]), 580)))
