"""`python -m examples.conformance.mcp --port N` serves the fixtures at `http://127.0.0.1:N/mcp`, to anybody here."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer

from coterie.doors.http.service import Service
from coterie.doors.mcp import Desk, mcp_server
from coterie.doors.mcp.visit import Member
from coterie.words.principal import LOCAL
from examples.conformance.mcp.asking import add_asking
from examples.conformance.mcp.events import Events
from examples.conformance.mcp.legacy import add_legacy
from examples.conformance.mcp.plain import add_plain, described
from examples.conformance.mcp.shown import add_shown
from examples.conformance.mcp.tasks import TEAMS, add_tasks
from examples.conformance.trusting import service_in, trusting

RETRY = 100
"""Milliseconds after which a client whose stream was closed comes back."""


def everything(service: Service) -> MCPServer[Any]:
    """A server of Coterie, with the fixtures added."""
    desk = Desk(service, tasks_only=["failing"])
    server = mcp_server(service, name="coterie-conformance", desk=desk, tools=[described()])
    add_plain(server)
    add_shown(server)
    add_asking(server)
    add_legacy(server)
    add_tasks(server, desk)
    return server


async def serve(port: int, folder: Path) -> None:
    """Serve on `port`, with journals in `folder`, until stopped."""
    service = service_in(folder, TEAMS)
    app = everything(service).streamable_http_app(event_store=Events(), retry_interval=RETRY)
    config = uvicorn.Config(
        trusting(app, Member(LOCAL)), port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    async with service:
        print(f"http://127.0.0.1:{port}/mcp", flush=True)
        await uvicorn.Server(config).serve()


def main() -> None:
    """Read the port, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3001)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(serve(parser.parse_args().port, Path(folder)))


if __name__ == "__main__":
    main()
