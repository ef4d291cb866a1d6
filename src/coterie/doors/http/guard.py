"""The guard: what every request passes before anybody answers it.

In this order: the name it calls us by, the page it comes from, how large and how slow it is, who it is, and how
often it comes. A token in an address is refused, because addresses end up in logs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.authentication import BaseUser
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coterie.doors.http.problems import Problem
from coterie.doors.http.settings import Settings
from coterie.reach.trace import HEADER, parent_of, within
from coterie.words.principal import Principal

COOKIE = "coterie"
"""The cookie of a page that was let in."""
OPEN = ("/healthz", "/readyz", "/login", "/static/", "/.well-known/")
"""What anybody may see."""
CARD = "/.well-known/agent-card.json"
"""The card of an agent, which anybody may see wherever it lies."""
METADATA = "/.well-known/oauth-protected-resource"
"""Where a resource says who gives tokens for it (RFC 9728): here, and then its own path."""
RESOURCES = ("/mcp",)
"""What says so."""
SECRETS = {"token", "access_token", "api_key", "key"}
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
}


class Visitor(BaseUser):
    """A principal, as Starlette and the protocols' kits know users."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.principal.name

    @property
    def identity(self) -> str:
        return f"{self.principal.tenant}/{self.principal.name}"


class Guard:
    """Lets in who may come in, and nobody else; `known` says whose a token is."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        known: Callable[[str], Principal | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._settings = settings
        self._known = known
        self._rate = Rate(settings.rate, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self._let_in(scope)
        except Problem as problem:
            if problem.status == 401 and for_people(Headers(scope=scope)):
                await _to_the_entrance(scope, receive, send)
            else:
                await _refuse(problem, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        body = Body(receive, self._settings)
        try:
            with within(parent_of(Headers(scope=scope).get(HEADER))):
                await self._app(scope, body.receive, _dressed(send))
        except Problem as problem:  # of the body, while it was read
            await _refuse(problem, scope, receive, send)

    def _let_in(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._called_by_name(headers)
        self._from_our_page(headers)
        if int(headers.get("content-length") or 0) > self._settings.body:
            raise Problem(413, f"a body has at most {self._settings.body:,} bytes")
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if SECRETS & {name.lower() for name, _ in query}:
            raise Problem(400, "no token in an address: send it as `Authorization: Bearer ...`")
        token, from_cookie = _token(headers)
        principal = self._known(token) if token else None
        if from_cookie and scope.get("method") not in ("GET", "HEAD") and "origin" not in headers:
            raise Problem(403, "a page that changes something says where it is from (Origin)")
        if principal is None and not _is_open(scope["path"]):
            raise Problem(
                401,
                "who are you? Send a key as `Authorization: Bearer ...`",
                {"WWW-Authenticate": _challenge(scope, headers)},
            )
        if principal is not None:
            scope["user"] = Visitor(principal)
            self._rate.count(f"{principal.tenant}/{principal.name}")

    def _called_by_name(self, headers: Headers) -> None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name not in self._settings.hosts and "*" not in self._settings.hosts:
            raise Problem(421, f"nobody here is called {name!r}; see --host-name")

    def _from_our_page(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None or origin in self._settings.origins:
            return
        if urlsplit(origin).netloc != headers.get("host") or headers.get("sec-fetch-site") == "cross-site":
            raise Problem(403, f"no page of {origin!r} may call this service")


class Rate:
    """A bucket of requests a caller, which fills up again in a minute."""

    def __init__(self, a_minute: int, clock: Callable[[], float]) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def count(self, caller: str) -> None:
        """Take one.

        Raises:
            Problem: 429, with the seconds to wait, if there is none left.
        """
        now = self._clock()
        left, then = self._left.get(caller, (float(self._a_minute), now))
        left = min(self._a_minute, left + (now - then) * self._a_minute / 60)
        if left < 1:
            wait = int((1 - left) * 60 / self._a_minute) + 1
            raise Problem(429, f"{self._a_minute} requests a minute are allowed", {"Retry-After": str(wait)})
        self._left[caller] = (left - 1, now)


class Body:
    """A request's body, which may be neither too large nor too slow."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._left = settings.body
        self._slow = settings.slow
        self._more = True

    async def receive(self) -> Message:
        """The next part of it; once it is all there, whatever comes."""
        if not self._more:
            return await self._receive()
        try:
            async with asyncio.timeout(self._slow):
                message = await self._receive()
        except TimeoutError as error:
            raise Problem(408, f"nothing came for {self._slow:g} s") from error
        self._left -= len(message.get("body", b""))
        self._more = bool(message.get("more_body"))
        if self._left < 0:
            raise Problem(413, "the body is larger than a body may be")
        return message


def _token(headers: Headers) -> tuple[str, bool]:
    """The token of a request, and whether a page's cookie has it rather than the header."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return token.strip(), False
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return "", False
    return ("", False) if found is None else (found.value, True)


def for_people(headers: Headers) -> bool:
    """Whether a browser asks, to show the answer to somebody."""
    return "text/html" in headers.get("accept", "")


async def _to_the_entrance(scope: Scope, receive: Receive, send: Send) -> None:
    """Have a browser ask who it is, and come back to where it wanted to go."""
    query = scope["query_string"].decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "") if scope.get("method") == "GET" else "/"
    place = "/login" if wanted == "/" else f"/login?{urlencode({'next': wanted})}"
    await RedirectResponse(place, 303)(scope, receive, _dressed(send))


def _challenge(scope: Scope, headers: Headers) -> str:
    """How to come in, and for a resource that says more, where."""
    if scope["path"] not in RESOURCES:
        return "Bearer"
    where = f"{scope['scheme']}://{headers.get('host', '')}{METADATA}{scope['path']}"
    return f'Bearer resource_metadata="{where}"'


def _is_open(path: str) -> bool:
    return path.endswith(CARD) or any(
        path == one or (one.endswith("/") and path.startswith(one)) for one in OPEN
    )


RAW = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
"""The same as they are sent."""


def _dressed(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(one for one in RAW if one[0] not in own)]
        await send(message)

    return dressed


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4403, "reason": problem.detail[:120]})
        return
    await problem.response()(scope, receive, _dressed(send))
