"""What an MCP client can read: runs, their journals, and their boards."""

from __future__ import annotations

from typing import Any

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from coterie.doors.events import event_data
from coterie.doors.http.service import Service
from coterie.doors.mcp.call import Called
from coterie.doors.mcp.outcome import outcome_of
from coterie.doors.mcp.visit import host_for
from coterie.errors import UnknownRun
from coterie.kernel.story import transcript
from coterie.kernel.values import to_plain
from coterie.words.event import Noted, Record

JSON = "application/json"
LISTED = 100
"""Runs that the list has at most, the newest first."""


def add_resources(server: MCPServer[Any], service: Service) -> None:
    """Add `coterie://runs` and what is below it."""

    @server.resource("coterie://runs{?limit}", mime_type=JSON)
    async def runs(ctx: Called, limit: int = LISTED) -> str:
        """The newest runs, as JSON."""
        seen = await host_for(service, ctx.request_context, "viewer").runs()
        return _json([msgspec.to_builtins(one) for one in seen[: max(0, min(limit, LISTED))]])

    @server.resource("coterie://runs/{id}", mime_type=JSON)
    async def run(id: str, ctx: Called) -> str:
        """What a run has come to by now, as JSON."""
        host = host_for(service, ctx.request_context, "viewer")
        await _journal(service, ctx, id)
        return _json((await outcome_of(host, id)).structured_content)

    @server.resource("coterie://runs/{id}/journal", mime_type="application/jsonl")
    async def journal(id: str, ctx: Called) -> str:
        """Every event of a run, a JSON object a line."""
        return "\n".join(_json(event_data(one)) for one in await _journal(service, ctx, id))

    @server.resource("coterie://runs/{id}/transcript", mime_type=JSON)
    async def said(id: str, ctx: Called) -> str:
        """What was said in a run, the oldest first, as JSON."""
        return _json([msgspec.to_builtins(one) for one in transcript(await _journal(service, ctx, id))])

    @server.resource("coterie://runs/{id}/board", mime_type=JSON)
    async def board(id: str, ctx: Called) -> str:
        """What stands on the board of a run: each entry, and who wrote it, as JSON."""
        written: dict[str, Any] = {}
        for record in await _journal(service, ctx, id):
            match record.event:
                case Noted(path=path, fact="put", about=key, value=value):
                    written[key] = {"value": value, "by": path}
                case _:
                    pass
        return _json(written)


async def _journal(service: Service, called: Called, id: str) -> list[Record]:
    try:
        return await host_for(service, called.request_context, "viewer").journal(id)
    except UnknownRun as error:
        raise ResourceNotFoundError(error.message) from error


def _json(value: Any) -> str:
    return msgspec.json.encode(to_plain(value)).decode()
