"""The A2A door: each team at `/a2a/{team}/rpc/` (JSON-RPC) and `/a2a/{team}/rest`, with a card of its own.

The first team that is published is also found where agents look first: `/.well-known/agent-card.json`, `/a2a/rpc/` and
`/a2a/rest`. `/.well-known/agents.txt` lists the addresses of all.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from email.utils import formatdate
from functools import partial
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

from coterie.actor import Actor
from coterie.doors.a2a.cards import FRESH, Look, Sign, card_of, signer
from coterie.doors.a2a.courier import Courier
from coterie.doors.a2a.handler import Handler, TaskOf, no_direct
from coterie.doors.a2a.legacy import CREATE, RESULT, legacy
from coterie.doors.a2a.pushes import PUSHES, Pushes
from coterie.doors.a2a.tasks import Scope
from coterie.doors.http.problems import Problem
from coterie.doors.http.rows import rows_at
from coterie.doors.http.service import Service
from coterie.errors import BadInput, MissingExtra
from coterie.reach.screen import Screen
from coterie.wire.a2a import task_of_message
from coterie.words.result import Result

FILE = "pushes.db"
CARD = "/.well-known/agent-card.json"
LIST = "/.well-known/agents.txt"
"""The addresses of the agents of a service, one a line: what `coterie agents discover --list` reads."""
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
    teams, began = published(service), time.time()
    handler = Handler(service, courier_of(service), teams, task_of=task_of, direct=direct)
    default = next(iter(teams), "")
    calls, sign, look = Calls(default), signer(service.settings.card_key), Look(service.library)
    dispatcher = JsonRpcDispatcher(handler, context_builder=calls, enable_v0_3_compat=True)
    if service.settings.grpc:
        service.alongside(_by_grpc(service, handler))
    rest = create_rest_routes(handler, context_builder=calls, enable_v0_3_compat=True)

    async def rpc(request: Request) -> Response:
        if not _typed(request.headers.get("content-type", "")):
            return _mistyped()
        asked = _asked(await request.body())
        if asked.get("method") in (CREATE, RESULT):
            return _json(await legacy(handler, asked, calls.build(request)))
        return await dispatcher.handle_requests(request)

    async def card(request: Request) -> Response:
        team = request.path_params.get("team", default)
        if team not in teams:
            raise Problem(404, f"no team is called {team!r}")
        return _card(service, request, team, look.at(team), began, sign)

    async def agents(request: Request) -> Response:
        above = _above(service, request)
        return Response("".join(f"{above}/a2a/{team}\n" for team in teams), media_type="text/plain")

    routes: list[BaseRoute] = [Route(CARD, card, methods=["GET"]), Route(LIST, agents, methods=["GET"])]
    for at in ("/a2a", "/a2a/{team}"):
        routes += [
            Route(f"{at}/rpc/", rpc, methods=["POST"]),
            Route(f"{at}/rpc", rpc, methods=["POST"]),
            Mount(f"{at}/rest", routes=rest, middleware=[Middleware(Typed)]),
        ]
    return [*routes, Route("/a2a/{team}" + CARD, card, methods=["GET"])]


def published(service: Service) -> Collection[str]:
    """The teams that are agents.

    Raises:
        BadInput: if one is named that the service does not offer.
    """
    offers, named = service.library.offers, service.settings.published
    if strange := [team for team in named if team not in offers]:
        raise BadInput(
            f"no team is called {strange[0]!r}, so it cannot be published; there are {sorted(offers)}"
        )
    return named or offers


def _by_grpc(service: Service, handler: Handler) -> Callable[[], AbstractAsyncContextManager[None]]:
    """What serves the same by gRPC.

    Raises:
        MissingExtra: if gRPC is not installed.
    """
    try:
        from coterie.doors.a2a.grpc import grpc_at_work
    except ImportError as error:
        raise MissingExtra.of("a2a-grpc", "A2A by gRPC") from error
    return partial(grpc_at_work, service, handler)


def courier_of(service: Service) -> Courier:
    """The courier of a service, which works for as long as that is open; what it has to keep is where the keys are."""
    screen = Screen(service.settings.private)
    courier = Courier(Pushes(rows_at(service.keys.beside(FILE), PUSHES)), service.host, screen)
    service.alongside(courier.at_work)
    return courier


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


def _above(service: Service, request: Request) -> str:
    """The address of the service, as others know it."""
    return service.settings.url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"


def _card(
    service: Service, request: Request, team: str, actor: Actor | None, began: float, sign: Sign | None
) -> Response:
    """The card of a team, with what tells a client whether the one that it has is good still."""
    at = f"{_above(service, request)}/a2a/{team}"
    card = card_of(actor, team, at, service.settings)
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
