"""Where an MCP server is and how it is reached, and what the SDK's errors and results are to us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

import msgspec
from msgspec import Struct

from coterie.errors import BadInput, OffLimits, TimedOut, ToolFailed
from coterie.reach.pinned import client
from coterie.reach.screen import Screen
from coterie.tools.access import Entrance

if TYPE_CHECKING:
    from mcp_types import CallToolResult

T = TypeVar("T")
CONNECTING, READING = 30.0, 300.0
"""Seconds to reach a server, and to wait for the next thing that it says."""
CLOSED, ENDED = -32000, "Session terminated"
"""How the SDK says that the connection is no more, and that the session on the server is none."""
REFUSALS = (-32600, -32601, -32602)
"""What a server says to a request that it understands and will not answer (JSON-RPC 2.0)."""


class Target(Struct, frozen=True, kw_only=True):
    """A server: the command that starts it, or the URL where it is."""

    command: tuple[str, ...] = ()
    url: str = ""
    env: dict[str, str] = {}
    folder: str | None = None
    headers: dict[str, str] = {}
    screen: Screen = Screen()
    entrance: Entrance | None = None

    def __str__(self) -> str:
        return self.url or " ".join(self.command)


def transport(target: Target, said: TextIO, started: asyncio.Event) -> Any:
    """What an MCP client connects by. `said` gets what a process writes to stderr; `started` is set once it runs."""
    if not target.command:
        return _reached(target)
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    command, *args = target.command
    given = StdioServerParameters(command=command, args=args, env=target.env or None, cwd=target.folder)
    return _told(stdio_client(given, errlog=said), started)


@asynccontextmanager
async def _told(transport: AbstractAsyncContextManager[T], started: asyncio.Event) -> AsyncGenerator[T]:
    """A transport that says when its process has been started."""
    async with transport as streams:
        started.set()
        yield streams


@asynccontextmanager
async def _reached(target: Target) -> AsyncGenerator[Any]:
    """A transport over HTTP to the address that was written, whose client goes nowhere else that is not public."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    patient = httpx2.Timeout(CONNECTING, read=READING)  # as the SDK's own client
    auth = None if target.entrance is None else target.entrance.auth()
    http = client(target.screen, kit=httpx2, headers=target.headers, timeout=patient, auth=auth)
    async with http, streamable_http_client(target.url, http_client=http) as streams:
        yield streams


def is_refusal(error: BaseException) -> bool:
    """Whether an error says that the server will have nothing of it, so that trying again by oneself is of no use."""
    from mcp.client.auth import OAuthFlowError
    from mcp.shared.exceptions import MCPError

    if isinstance(error, BaseExceptionGroup):
        return any(is_refusal(one) for one in cast("Any", error).exceptions)
    if isinstance(error, MCPError):
        return error.code in REFUSALS and not is_loss(error)
    return isinstance(error, (OAuthFlowError, BadInput, OffLimits))


def is_loss(error: BaseException) -> bool:
    """Whether an error says that the server, or the connection to it, is gone."""
    import anyio
    from mcp.shared.exceptions import MCPError

    if isinstance(error, MCPError):
        return error.code == CLOSED or str(error) == ENDED
    return isinstance(
        error, (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream, OSError)
    )


def as_ours(error: Exception, tool: str, timeout: float) -> Exception:
    """What a failed call is to whoever made it."""
    from mcp.shared.exceptions import MCPError

    if isinstance(error, MCPError) and error.code == -32001:
        return TimedOut(f"tool {tool!r} took longer than {timeout:g} s")
    return ToolFailed(f"{tool!r}: {error}")


def cause(error: BaseException) -> str:
    """The first error in a group of them, in words."""
    inner: Any = error
    while isinstance(inner, BaseExceptionGroup):
        inner = cast("Any", inner).exceptions[0]
    return f"{type(inner).__name__}: {inner}"


def plain(result: CallToolResult) -> dict[str, Any]:
    """A result as JSON-shaped data: `content`, `structured` and `failed`."""
    content = [block.model_dump(mode="json", exclude_none=True, by_alias=True) for block in result.content]
    structured = msgspec.to_builtins(result.structured_content)
    return {"content": content, "structured": structured, "failed": result.is_error}
