"""What only the revisions with sessions have (2025-11-25): asking while a call goes on, logs, subscriptions."""

from __future__ import annotations

import asyncio
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    CreateMessageResult,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    TextContent,
)

from examples.conformance.mcp.asking import sample
from examples.conformance.mcp.plain import STEP, Called

ACKNOWLEDGED = ("logging/setLevel", "resources/subscribe", "resources/unsubscribe")
"""Requests that only older revisions have, and that need no more than a yes here."""
CHOICES = ["option1", "option2", "option3"]


def _titled(*names: str) -> list[dict[str, str]]:
    return [{"const": name, "title": name.title()} for name in names]


DEFAULTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
}
ENUMS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": CHOICES},
        "titledSingle": {"type": "string", "oneOf": _titled("value1", "value2", "value3")},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": CHOICES}},
        "titledMulti": {"type": "array", "items": {"anyOf": _titled("value1", "value2", "value3")}},
    },
}


def add_legacy(server: MCPServer[Any]) -> None:
    """Add it."""
    for tool in (
        test_tool_with_logging,
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_reconnection,
    ):
        server.add_tool(tool)
    server.middleware.append(_acknowledging)


async def _acknowledging(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    if ctx.method in ACKNOWLEDGED and ctx.protocol_version < "2026":
        return {}
    return await call_next(ctx)


async def _log(ctx: Called, said: str) -> None:
    told = LoggingMessageNotification(params=LoggingMessageNotificationParams(level="info", data=said))
    await ctx.session.send_notification(told, ctx.request_context.request_id)


async def test_tool_with_logging(ctx: Called) -> str:
    """Logs what it does."""
    for said in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(ctx, said)
        await asyncio.sleep(STEP)
    return "done"


async def test_sampling(ctx: Called, prompt: str) -> str:
    """Asks the client's model while the call goes on."""
    able = ctx.client_capabilities
    if able is None or able.sampling is None:
        raise ToolError("the client cannot sample")
    where = ServerMessageMetadata(related_request_id=ctx.request_context.request_id)
    given = await ctx.session.send_request(sample(prompt), CreateMessageResult, metadata=where)
    said = given.content.text if isinstance(given.content, TextContent) else "no text"
    return f"LLM response: {said}"


async def _elicited(ctx: Called, message: str, schema: dict[str, Any]) -> str:
    given = await ctx.session.elicit_form(message, schema, ctx.request_context.request_id)
    return f"Elicitation completed: action={given.action}, content={given.content}"


async def test_elicitation(ctx: Called, message: str) -> str:
    """Asks the client's user while the call goes on."""
    schema = {"type": "object", "properties": {"response": {"type": "string"}}, "required": ["response"]}
    return await _elicited(ctx, message, schema)


async def test_elicitation_sep1034_defaults(ctx: Called) -> str:
    """Asks with something filled in already."""
    return await _elicited(ctx, "Please review", DEFAULTS)


async def test_elicitation_sep1330_enums(ctx: Called) -> str:
    """Asks to choose."""
    return await _elicited(ctx, "Please choose", ENUMS)


async def test_reconnection(ctx: Called) -> str:
    """Closes its own stream; the client comes back for the answer."""
    await ctx.close_sse_stream()
    await asyncio.sleep(2 * STEP)
    return "Reconnection test completed"
