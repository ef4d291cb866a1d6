"""The MCP door: `/mcp`, streamable HTTP, in both the revisions with sessions and the stateless ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from coterie.doors.http.guard import METADATA
from coterie.doors.http.service import Service
from coterie.doors.mcp.server import mcp_server
from coterie.doors.mcp.visit import Member
from coterie.words.principal import ROLES

PATH = "/mcp"


def mcp_routes(service: Service) -> list[Route]:
    """The routes of this door."""
    server = mcp_server(service)
    guarded = TransportSecuritySettings(enable_dns_rebinding_protection=False)  # the guard has looked already
    server.streamable_http_app(
        transport_security=guarded,
        max_request_body_size=service.settings.body,
        max_sessions=service.settings.watchers,
    )
    service.alongside(server.session_manager.run)
    return [
        Route(PATH, Endpoint(server.session_manager.handle_request)),
        Route(METADATA + PATH, _metadata(service)),
    ]


class Endpoint:
    """Hands a request on, with whoever the guard has let in as the kit knows users."""

    def __init__(self, handle: ASGIApp) -> None:
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        member = Member(scope["user"].principal)
        await self._handle({**scope, "user": member}, receive, send)


def _metadata(service: Service) -> Callable[[Request], Awaitable[JSONResponse]]:
    """What a client reads to know how to come in (RFC 9728)."""

    async def metadata(request: Request) -> JSONResponse:
        jwt = service.settings.jwt
        return JSONResponse(
            {
                "resource": str(request.url.replace(path=PATH, query="")),
                "authorization_servers": [] if jwt is None else [jwt.issuer],
                "bearer_methods_supported": ["header"],
                "scopes_supported": [*ROLES],
            }
        )

    return metadata
