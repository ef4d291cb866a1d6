"""Who an MCP request is from, and what its client can do."""

from __future__ import annotations

from typing import Any

from mcp import MCPError
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp_types import INVALID_REQUEST, ClientCapabilities
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from coterie.doors.http.service import Service
from coterie.shell.host import Host
from coterie.words.principal import LOCAL, Principal, Role

Asking = ServerRequestContext[Any, Any]
"""An MCP request, as its handler sees it."""


class Member(AuthenticatedUser):
    """A principal, as the MCP kit knows users: a session belongs to the one who opened it."""

    def __init__(self, principal: Principal) -> None:
        scopes: list[str] = [principal.role]
        super().__init__(
            AccessToken(token="", client_id=principal.tenant, scopes=scopes, subject=principal.name)
        )
        self.principal = principal


def principal_of(asking: Asking) -> Principal:
    """Who asks: this machine's own over stdio, and whoever the guard let in over HTTP."""
    if asking.request is None:
        return LOCAL
    member: Member = asking.request.scope["user"]
    return member.principal


def host_for(service: Service, asking: Asking, role: Role) -> Host:
    """The runs of who asks.

    Raises:
        MCPError: if that needs another role.
    """
    principal = principal_of(asking)
    if not principal.may(role):
        raise MCPError(
            INVALID_REQUEST, f"this needs the role {role!r}, and {principal.name!r} has {principal.role!r}"
        )
    return service.host(principal.tenant)


def is_modern(asking: Asking) -> bool:
    """Whether it speaks a stateless revision (2026-07-28 and later), where an answer may be a question."""
    return asking.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS


def can_be_asked(able: ClientCapabilities | None) -> bool:
    """Whether the client can put a form before a person."""
    form = able.elicitation if able is not None else None
    return form is not None and (form.form is not None or form.url is None)


def connection_of(asking: Asking) -> str:
    """What names the connection that a request came by; empty on stdio, where there is one."""
    return "" if asking.request is None else asking.request.headers.get("mcp-session-id", "")
