"""The library of roles as MCP prompts: what a member of a team is told, for whoever wants to play it."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from pydantic import Field

from coterie.roles import Role, library

_TASK = Annotated[str, Field(description="What to do in that role; may be left out.")]


def add_prompts(server: MCPServer[Any]) -> None:
    """Add every role."""
    for name, role in library().items():
        server.add_prompt(_prompt(name, role))


def _prompt(name: str, role: Role) -> Prompt:
    def told(task: _TASK = "") -> str:
        return f"{role.instructions}\n\n{task}".rstrip()

    return Prompt.from_function(told, name=name, description=f"{name}: {role.who}" if role.who else name)
