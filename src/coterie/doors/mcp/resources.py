"""What an MCP client can read: runs, their journals and their boards, and what is remembered beyond them."""

from __future__ import annotations

from typing import Any

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from msgspec.structs import asdict

from coterie.doors.events import event_data
from coterie.doors.http.service import Service
from coterie.doors.mcp.call import Called
from coterie.doors.mcp.outcome import outcome_of
from coterie.doors.mcp.visit import host_for, principal_of
from coterie.errors import Denied, UnknownRun
from coterie.kernel.story import transcript
from coterie.kernel.values import to_plain
from coterie.shell.gate import permitted
from coterie.words.event import Noted, Record
from coterie.words.memory import Query, Recalled

JSON = "application/json"
LISTED, FOUND = 100, 6
"""What a list has at most, the newest first; and what a search finds unless it asks for more."""


def add_resources(server: MCPServer[Any], service: Service) -> None:
    """Add `coterie://runs` and what is below it, and `coterie://memory`."""
    _add_memory(server, service)

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


def _add_memory(server: MCPServer[Any], service: Service) -> None:
    @server.resource("coterie://memory{?text,tags,limit}", mime_type=JSON)
    async def memory(ctx: Called, text: str = "", tags: str = "", limit: int = FOUND) -> str:
        """What fits a text best, or the newest, of all that one may read, as JSON."""
        named = tuple(filter(None, tags.split(",")))
        query = Query(text=text, tags=named, limit=max(0, min(limit, LISTED)))
        return _json([asdict(one) for one in await _recalled(service, ctx, query)])

    @server.resource("coterie://memory/{key}", mime_type=JSON)
    async def remembered(key: str, ctx: Called) -> str:
        """What is remembered by that key, as JSON: one's own, and what is shared with one."""
        found = await _recalled(service, ctx, Query(keys=(key,), limit=LISTED))
        if not found:
            raise ResourceNotFoundError(f"nothing is remembered as {key!r}")
        return _json([asdict(one) for one in found])


async def _recalled(service: Service, called: Called, query: Query) -> list[Recalled]:
    """What who asks may read, and the policy lets be read now."""
    host_for(service, called.request_context, "viewer")
    by = principal_of(called.request_context)
    if service.policy is not None:
        resource = ",".join(query.keys)
        try:
            permitted(service.policy, by, "recall", resource, {"tags": list(query.tags), "source": ""})
        except Denied as error:
            raise ResourceError(error.message) from error
    memory = service.memory(by)
    return await memory.find(query, memory.now())


async def _journal(service: Service, called: Called, id: str) -> list[Record]:
    try:
        return await host_for(service, called.request_context, "viewer").journal(id)
    except UnknownRun as error:
        raise ResourceNotFoundError(error.message) from error


def _json(value: Any) -> str:
    return msgspec.json.encode(to_plain(value)).decode()
