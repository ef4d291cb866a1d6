"""Tools that a client may have as tasks: each is a run of a team of `teams.py`."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult, InputRequiredResult

from coterie.doors.mcp import Desk
from examples.conformance.mcp.asking import asks, filled, form
from examples.conformance.mcp.plain import Called

NAMES = ("slow", "failing", "broken", "confirmed", "twice", "greeting")
TEAMS = [f"examples.conformance.mcp.teams:{name}" for name in NAMES]


def add_tasks(server: MCPServer[Any], desk: Desk) -> None:
    """Add them."""

    async def slow_compute(
        ctx: Called, seconds: float, label: str = ""
    ) -> CallToolResult | InputRequiredResult:
        """Takes a while."""
        return await desk.perform(ctx, "slow", str(seconds))

    async def failing_job(ctx: Called) -> CallToolResult | InputRequiredResult:
        """Fails after a while, and is only to be had as a task."""
        return await desk.perform(ctx, "failing", "Go")

    async def protocol_error_job(ctx: Called) -> CallToolResult | InputRequiredResult:
        """Breaks the protocol."""
        return await desk.perform(ctx, "broken", "Go")

    async def confirm_delete(ctx: Called, filename: str) -> CallToolResult | InputRequiredResult:
        """Asks before it does something."""
        return await desk.perform(ctx, "confirmed", filename)

    async def multi_input(ctx: Called) -> CallToolResult | InputRequiredResult:
        """Asks two things at once."""
        return await desk.perform(ctx, "twice", "Go")

    async def test_tool_with_task(ctx: Called) -> CallToolResult | InputRequiredResult:
        """Asks first, and is a task then."""
        name = filled(ctx, "user_name", "name")
        if name is None:
            return asks({"user_name": form("What is your name?", "name")})
        return await desk.perform(ctx, "greeting", str(name))

    for tool in (
        slow_compute,
        failing_job,
        protocol_error_job,
        confirm_delete,
        multi_input,
        test_tool_with_task,
    ):
        server.add_tool(tool)
