"""P26 across protocols: a trace that comes in goes on through A2A, MCP and HTTP, and every span has its true parent."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.util.genai")
pytest.importorskip("a2a")
pytest.importorskip("mcp")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from coterie import Remote, Team, do
from coterie.reach.trace import HEADER, current, parent_of, within
from coterie.telemetry.traces import PATH, Traces
from coterie.tools.mcp import mcp
from coterie.tools.web import http
from tests.http.serving import TOKEN, served, service_at

TRACE, ASKER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{ASKER}-01"


@contextmanager
def listening():
    """A site of plain HTTP, and the parents that it was told."""
    heard = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.headers.get(HEADER))
            self.send_response(200)
            self.send_header("content-type", "text/plain")
            self.end_headers()
            self.wfile.write(b"tides")

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@asynccontextmanager
async def peer(folder, observers):
    """A service that others ask, and its address."""
    folder.mkdir()
    service = service_at(folder)
    service.observers = observers
    async with served(service) as client:
        yield str(client.base_url).rstrip("/"), service


@asynccontextmanager
async def reached(server):
    """The tools of a server that is served by this very loop."""
    tools = await asyncio.to_thread(server.__enter__)
    try:
        yield tools
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


async def asked_for(tmp_path, observers):
    """A run of a service, asked for with a parent, that asks another one by A2A and MCP, and a site by HTTP."""
    async with peer(tmp_path / "there", observers) as (base, there):
        server = mcp(f"{base}/mcp", headers={"authorization": f"Bearer {TOKEN}"})
        async with reached(server) as tools:
            with listening() as (site, heard):
                panel = Remote(f"{base}/a2a/panel", name="panel", key=lambda: TOKEN)
                [tool] = [one for one in tools if one.name == "panel"]
                shown = await performed(tmp_path, observers, team_of(panel, tool, site))
        host = there.host("default")
        origins = [(await host.journal(one.id))[0].event.origin for one in await host.runs()]
        return shown, heard, origins


def team_of(panel, tool, site):
    """A team that asks a remote agent, then a tool of a server, then a site."""
    get = http(allow=[site], private=True)

    async def play(task):
        await panel(task)
        await do(tool, task=task.text)
        return (await do(get, f"http://{site}/"))["text"]

    return Team("asker", (panel,), play)


async def performed(folder, observers, team):
    """What becomes of a run of `team` that a client asks a service for."""
    service = service_at(folder)
    service.observers = observers
    service.library.actor = lambda origin: team
    async with served(service) as client:
        asked = {"team": "panel", "task": "Rust?"}
        answer = await client.post("/v1/runs", json=asked, headers={HEADER: PARENT})
        shown = (await client.get(f"/v1/runs/{answer.json()['id']}/wait")).json()
        assert shown["status"] == "succeeded", shown
        return shown


def test_p26_a_trace_goes_through_every_protocol(tmp_path):
    """One trace; the runs of the other service are below the steps that asked for them, and ours below who asked."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    _, heard, origins = asyncio.run(asked_for(tmp_path, (Traces(tracer_provider=provider),)))
    spans = exporter.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    by_id = {f"{span.context.span_id:016x}": span for span in spans}
    above = {
        span.name: by_id.get(f"{span.parent.span_id:016x}")
        for span in spans
        if "/" not in span.attributes[PATH]
    }
    assert above.keys() == {"invoke_workflow asker", "invoke_workflow debate"}
    assert above["invoke_workflow asker"] is None
    [asker] = [span for span in spans if span.name == "invoke_workflow asker"]
    assert f"{asker.parent.span_id:016x}" == ASKER
    steps = {by_id[origin[HEADER].split("-")[2]].attributes[PATH] for origin in origins}
    assert {step.rpartition("/")[2].partition(".")[0] for step in steps} == {"think", "panel"}
    assert by_id[heard[0].split("-")[2]].name == "execute_tool http_get"
    provider.shutdown()


def test_a_process_without_spans_hands_on_what_it_was_told(tmp_path):
    """Then whoever asked is the parent of all, and no trace has a hole."""
    shown, heard, origins = asyncio.run(asked_for(tmp_path, ()))
    assert shown["origin"][HEADER] == PARENT
    assert heard == [PARENT]
    assert [origin[HEADER] for origin in origins] == [PARENT, PARENT]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        PARENT.upper(),
        f"01-{TRACE}-{ASKER}-01",
        f"00-{'0' * 32}-{ASKER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        3,
    ],
)
def test_what_is_no_parent_is_left_out(given):
    """As if nobody had said it."""
    assert parent_of(given) == ""
    with within(parent_of(given)):
        assert current() == ""
