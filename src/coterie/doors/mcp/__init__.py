"""MCP: the offered teams as tools of a Model Context Protocol server, over stdio and streamable HTTP."""

from coterie.doors.mcp.desk import Desk
from coterie.doors.mcp.server import mcp_server

__all__ = ["Desk", "mcp_server"]
