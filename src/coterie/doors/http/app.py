"""The application: every door that speaks HTTP, behind one guard."""

from __future__ import annotations

import hmac
import importlib
import importlib.util
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from coterie.doors.http.api import table
from coterie.doors.http.guard import Guard, for_people
from coterie.doors.http.jwt import Tokens
from coterie.doors.http.openapi import document
from coterie.doors.http.operations import routes
from coterie.doors.http.problems import Problem, on_error, on_problem
from coterie.doors.http.service import Service
from coterie.doors.page.door import page_routes, trouble
from coterie.errors import CoterieError
from coterie.words.principal import LOCAL, Principal


def application(service: Service, *, token: str = "") -> Starlette:
    """The application of `service`. Who has `token` comes in as this machine's own; all others need a key."""
    operations = table()
    known = service.known = knowing(service, token)
    described = msgspec.json.encode(document(operations))

    async def openapi(_: Request) -> Response:
        return Response(described, media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        async with service:
            yield

    return Starlette(
        routes=[
            *routes(service, operations),
            Route("/openapi.json", openapi),
            *_protocols(service),
            *page_routes(service, known),
        ],
        middleware=[Middleware(Guard, settings=service.settings, known=known)],
        exception_handlers={Problem: on_problem, CoterieError: on_error, 404: _nothing_here, 405: _not_so},
        lifespan=lifespan,
    )


def _protocols(service: Service) -> list[BaseRoute]:
    """The routes of the protocols whose kits are installed."""
    found: list[BaseRoute] = []
    for kit, door, routes_of in PROTOCOLS:
        if importlib.util.find_spec(kit) is not None:
            found += getattr(importlib.import_module(door), routes_of)(service)
    return found


PROTOCOLS = (
    ("ag_ui", "coterie.doors.agui.door", "agui_routes"),
    ("a2a", "coterie.doors.a2a.door", "a2a_routes"),
    ("mcp", "coterie.doors.mcp.door", "mcp_routes"),
    ("starlette", "coterie.doors.acp.door", "acp_routes"),
)
"""The kit that a protocol needs, the module of its door, and what makes its routes."""


def knowing(service: Service, token: str) -> Callable[[str], Principal | None]:
    """Whose a token is: this machine's own, that of a key, an identity provider's, or nobody's."""
    provider = service.settings.jwt
    tokens = None if provider is None else Tokens(provider)

    def known(given: str) -> Principal | None:
        if token and hmac.compare_digest(given.encode(), token.encode()):
            return LOCAL
        return service.keys.opened_by(given) or (tokens.opened_by(given) if tokens is not None else None)

    return known


async def _nothing_here(request: Request, _: Exception) -> Response:
    problem = Problem(404, f"there is nothing at {request.url.path!r}")
    return trouble(request, problem) if for_people(Headers(scope=request.scope)) else problem.response()


async def _not_so(request: Request, error: Exception) -> Response:
    allowed = error.headers if isinstance(error, HTTPException) else None
    return Problem(405, f"{request.url.path!r} does not answer {request.method}", allowed).response()
