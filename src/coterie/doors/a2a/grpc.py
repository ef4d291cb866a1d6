"""A2A by gRPC: the same handler behind another transport. A team is what a card calls the tenant of its interface.

What the guard does for HTTP is done here for each call: who it is, how often they come, how large a message may be.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.grpc_handler import GrpcHandler
from a2a.types import a2a_pb2_grpc
from a2a.utils.errors import VersionNotSupportedError

from coterie.doors.a2a.handler import Handler
from coterie.doors.a2a.tasks import Scope
from coterie.doors.http.guard import Rate
from coterie.doors.http.problems import Problem
from coterie.doors.http.service import Service
from coterie.errors import BadInput
from coterie.words.principal import Principal

GRACE = 2.0
"""Seconds that calls under way have to end when the service stops."""
VERSIONS = ("1", "1.0")
"""What a call may name as its version of the protocol: one of these, or a later `1.x`."""
Metadata = Sequence[tuple[str, "str | bytes"]]


@asynccontextmanager
async def grpc_at_work(service: Service, handler: Handler) -> AsyncGenerator[None]:
    """Serve A2A by gRPC where the settings say so, until this is left.

    Raises:
        BadInput: if nobody can listen there, or the certificate cannot be read.
    """
    settings = service.settings
    guard = Entrance(service.known, Rate(settings.rate, time.monotonic))
    server = grpc.aio.server(
        interceptors=[guard], options=[("grpc.max_receive_message_length", settings.body)]
    )
    servicer = Servicer(handler, service.known, next(iter(handler.teams), ""))
    cast("Any", a2a_pb2_grpc).add_A2AServiceServicer_to_server(servicer, server)
    try:
        if settings.grpc_tls is None:
            server.add_insecure_port(settings.grpc)
        else:
            server.add_secure_port(settings.grpc, _secured(*settings.grpc_tls))
    except RuntimeError as error:
        raise BadInput(f"nobody can listen on {settings.grpc!r} for gRPC: {error}") from error
    await server.start()
    try:
        yield
    finally:
        await server.stop(GRACE)


class Entrance(grpc.aio.ServerInterceptor):
    """Lets in whoever has a key, as often as they may come."""

    def __init__(self, known: Callable[[str], Principal | None], rate: Rate) -> None:
        self._known = known
        self._rate = rate

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        principal = self._known(token_of(cast("Metadata", handler_call_details.invocation_metadata or ())))
        if principal is None:
            return _refusal(grpc.StatusCode.UNAUTHENTICATED, "who are you? Send `authorization: Bearer ...`")
        try:
            self._rate.count(f"{principal.tenant}/{principal.name}")
        except Problem as problem:
            return _refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, problem.detail)
        return await continuation(handler_call_details)


class Servicer(GrpcHandler):
    """Hands calls to our handler, with who asks and which team; `default` where a call names none."""

    def __init__(self, handler: Handler, known: Callable[[str], Principal | None], default: str) -> None:
        super().__init__(handler)
        self._known = known
        self._default = default

    def _build_call_context(
        self, context: grpc.aio.ServicerContext[Any, Any], request: Any
    ) -> ServerCallContext:
        metadata = cast("Metadata", context.invocation_metadata() or ())
        _understood(_value(metadata, "a2a-version"))
        made: ServerCallContext = cast("Any", super())._build_call_context(context, request)
        principal = self._known(token_of(metadata))
        assert principal is not None  # it was let in
        made.state["scope"] = Scope(principal, request.tenant or self._default)
        made.state["headers"] = {name: str(value) for name, value in metadata}
        return made


def token_of(metadata: Metadata) -> str:
    """The key that a call brings; empty where it brings none."""
    kind, _, token = _value(metadata, "authorization").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _understood(version: str) -> None:
    """Refuse a call in another version of the protocol; one that names none counts as 0.3, as everywhere."""
    if version not in VERSIONS and not version.startswith("1."):
        raise VersionNotSupportedError(
            f"A2A version {version or '0.3'!r} is not spoken here by gRPC: send `a2a-version: {VERSIONS[-1]}`"
        )


def _value(metadata: Metadata, name: str) -> str:
    return next((str(value) for key, value in metadata if key.lower() == name), "")


def _refusal(code: grpc.StatusCode, why: str) -> Any:
    async def refuse(_: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(code, why)

    return cast("Any", grpc.unary_unary_rpc_method_handler(refuse))


def _secured(certificate: str, key: str) -> grpc.ServerCredentials:
    try:
        pair = (Path(key).read_bytes(), Path(certificate).read_bytes())
    except OSError as error:
        raise BadInput(f"the certificate for gRPC cannot be read: {error}") from error
    return grpc.ssl_server_credentials([pair])
