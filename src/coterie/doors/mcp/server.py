"""The MCP server: an `MCPServer` like any other, to which the teams of a service were added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.server.request_state import RequestStateSecurity

from coterie import __version__
from coterie.doors.http.service import Service
from coterie.doors.mcp.call import Calls
from coterie.doors.mcp.desk import Desk
from coterie.doors.mcp.prompts import add_prompts
from coterie.doors.mcp.resources import add_resources
from coterie.doors.mcp.tasks import Tasks
from coterie.doors.mcp.tools import add_teams
from coterie.doors.mcp.visit import Asking, principal_of

NAME = "coterie"
ANSWERABLE = 30 * 24 * 3600.0
"""Seconds that a person has to fill in a form of a stateless client."""
INSTRUCTIONS = (
    "Each tool is a team of agents, or one agent: give it a whole task, and it works on it and answers. A run can be "
    "read at coterie://runs/ID while it goes on and afterwards. What it asks a person, only a person may answer."
)


def mcp_server(
    service: Service, *, name: str = NAME, desk: Desk | None = None, tools: Iterable[Tool] = ()
) -> MCPServer[Any]:
    """The server of the teams of `service`, with `tools`; add what you like. Your tools begin runs at the `desk`."""
    desk = desk or Desk(service)
    server: MCPServer[Any] = MCPServer(
        name,
        version=__version__,
        instructions=INSTRUCTIONS,
        log_level="WARNING",
        extensions=[Tasks(service)],
        tools=[*tools],
        request_state_security=RequestStateSecurity(
            keys=[service.secret], ttl=ANSWERABLE, bind_principal=_whose
        ),
    )
    add_teams(server, desk)
    add_resources(server, service)
    add_prompts(server)
    server.middleware.append(_cancelling(desk.calls))
    return server


def _whose(asking: Asking) -> str:
    principal = principal_of(asking)
    return f"{principal.tenant}/{principal.name}"


def _cancelling(calls: Calls) -> Any:
    async def cancelling(asking: Asking, call_next: CallNext) -> HandlerResult:
        if asking.method == "notifications/cancelled":
            await calls.cancelled(asking)
        return await call_next(asking)

    return cancelling
