"""The A2A door: each team at `/a2a/{team}/rpc/` (JSON-RPC) and `/a2a/{team}/rest`, with a card of its own.

The first team that is offered is also found where agents look first: `/.well-known/agent-card.json`, `/a2a/rpc/` and
`/a2a/rest`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import msgspec
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.server.routes.common import DefaultServerCallContextBuilder
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.server.routes.rest_routes import create_rest_routes
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from coterie.doors.a2a.cards import Sign, card_of, signer
from coterie.doors.a2a.handler import Handler, TaskOf, no_direct
from coterie.doors.a2a.legacy import CREATE, RESULT, legacy
from coterie.doors.a2a.tasks import Scope
from coterie.doors.http.problems import Problem
from coterie.doors.http.service import Service
from coterie.wire.a2a import task_of_message
from coterie.words.result import Result

CARD = "/.well-known/agent-card.json"
FRESH = 300
"""Seconds that a card may be kept."""
TYPES = ("application/json", "application/a2a+json")
UNTYPED = f"the body has to be {TYPES[0]}"
NO_TYPE = -32005
"""The protocol's code for a content type that is not supported."""


def a2a_routes(
    service: Service,
    *,
    task_of: TaskOf = task_of_message,
    direct: Callable[[Result], bool] = no_direct,
) -> list[BaseRoute]:
    """The routes of this door (see `Handler` for `task_of` and `direct`)."""
    handler, began = Handler(service, task_of=task_of, direct=direct), time.time()
    default = next(iter(service.library.offers), "")
    calls, sign = Calls(default), signer(service.settings.card_key)
    dispatcher = JsonRpcDispatcher(handler, context_builder=calls, enable_v0_3_compat=True)
    rest = create_rest_routes(handler, context_builder=calls, enable_v0_3_compat=True)

    async def rpc(request: Request) -> Response:
        if not _typed(request.headers.get("content-type", "")):
            return _mistyped()
        asked = _asked(await request.body())
        if asked.get("method") in (CREATE, RESULT):
            return _json(await legacy(handler, asked, calls.build(request)))
        return await dispatcher.handle_requests(request)

    async def card(request: Request) -> Response:
        return _card(service, request, request.path_params.get("team", default), began, sign)

    routes: list[BaseRoute] = [Route(CARD, card, methods=["GET"])]
    for at in ("/a2a", "/a2a/{team}"):
        routes += [
            Route(f"{at}/rpc/", rpc, methods=["POST"]),
            Route(f"{at}/rpc", rpc, methods=["POST"]),
            Mount(f"{at}/rest", routes=rest, middleware=[Middleware(Typed)]),
        ]
    return [*routes, Route("/a2a/{team}" + CARD, card, methods=["GET"])]


class Calls(DefaultServerCallContextBuilder):
    """Says of each request who asks, and which team; `default` where its address names none."""

    def __init__(self, default: str) -> None:
        self._default = default

    def build(self, request: Request) -> ServerCallContext:
        context = super().build(request)
        team = request.path_params.get("team", self._default)
        context.state["scope"] = Scope(request.user.principal, team)
        return context


class Typed:
    """Lets pass what has a body of a type that the protocol knows."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        if empty or _typed(headers.get("content-type", "")):
            await self._app(scope, receive, send)
            return
        reason = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "CONTENT_TYPE_NOT_SUPPORTED",
            "domain": "a2a-protocol.org",
        }
        error = {"code": 415, "status": "INVALID_ARGUMENT", "message": UNTYPED, "details": [reason]}
        await _json({"error": error}, 415)(scope, receive, send)


def _typed(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower() in TYPES


def _asked(body: bytes) -> dict[str, Any]:
    """A request's body, if it is an object; what is none is the dispatcher's to refuse."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _mistyped() -> Response:
    return _json({"jsonrpc": "2.0", "id": None, "error": {"code": NO_TYPE, "message": UNTYPED}})


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type=TYPES[0])


def _card(service: Service, request: Request, team: str, began: float, sign: Sign | None) -> Response:
    """The card of a team, with what tells a client whether the one that it has is good still."""
    if team not in service.library.offers:
        raise Problem(404, f"no team is called {team!r}")
    above = service.settings.url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    card = card_of(service.library, team, f"{above}/a2a/{team}", service.settings)
    unsigned = msgspec.json.encode(agent_card_to_dict(card), order="sorted")
    body = msgspec.json.encode(agent_card_to_dict(sign(card)), order="sorted") if sign else unsigned
    headers = {
        "etag": f'"{hashlib.sha256(unsigned).hexdigest()[:32]}"',
        "last-modified": formatdate(began, usegmt=True),
        "cache-control": f"public, max-age={FRESH}",
    }
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=TYPES[0])
