"""Whether a call is answered by an MCP task instead of its result, and the signal that it is."""

from __future__ import annotations

from mcp import MCPError
from mcp_types import INTERNAL_ERROR

from coterie.doors.mcp.visit import Asking, is_modern

TASKS = "io.modelcontextprotocol/tasks"
"""The name of the extension (SEP-2663)."""


class Deferred(MCPError):
    """The call is a task from here on. Only a server without the extension lets a client see this as an error."""

    def __init__(self, run: str) -> None:
        super().__init__(INTERNAL_ERROR, f"run {run!r} goes on as a task, and this server knows none")
        self.run = run


def takes_tasks(asking: Asking) -> bool:
    """Whether the client takes a task for an answer; each request says so."""
    able = asking.session.client_capabilities
    return is_modern(asking) and able is not None and TASKS in (able.extensions or {})
