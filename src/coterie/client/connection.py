"""A connection to a service: what is asked of it again while it is away, and event streams that reconnect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from coterie.client.problem import error_of
from coterie.client.seen import ServerSent, lines_of, sent
from coterie.client.trial import Trial
from coterie.errors import BadInput, MissingExtra

try:
    import httpx
except ModuleNotFoundError as missing:
    raise MissingExtra.of("client", "a client of a service") from missing

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds for which a service may be gone before a client gives up on what can be asked again."""
CONNECTIONS = 1_000
"""Connections at once: every stream that is watched has one."""
IDLE = 20
"""Connections that are kept while nobody uses them. Its pool looks at each of them for each request and for each other
one, so that a thousand of them would take longer than all that is asked."""
IDLES = 2.0
"""Seconds for which an unused connection is kept: well below the five after which a service closes it, perhaps at the
moment in which something is asked over it."""
PAGE = 500
"""What one page of a list has at most."""
RETRIED = (502, 503, 504)
"""Answers of a service that is about to be there again."""


async def _never() -> bool:
    """Whether a stream without an end is over."""
    return False


class Connection:
    """What is asked of one service, again and again where asking twice does no harm, and what it streams."""

    def __init__(
        self, url: str, token: str = "", *, patience: float = PATIENCE, verify: bool | str = True
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"the address of a service begins with http:// or https://, not {url!r}")
        self.url = url.rstrip("/")
        self.patience = patience
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(30, read=None),
            limits=httpx.Limits(
                max_connections=CONNECTIONS, max_keepalive_connections=IDLE, keepalive_expiry=IDLES
            ),
            verify=verify,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; runs go on."""
        await self._http.aclose()

    async def _ask(
        self,
        method: str,
        path: str,
        gives: type[T] | Any,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Ask once, or again and again where asking twice does no harm."""
        again = method == "GET" or "idempotency-key" in (headers or {})
        trial = Trial(self.patience if again else 0)
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        content = None if body is None else msgspec.json.encode(body)
        while True:
            try:
                answer = await self._http.request(
                    method, path, params=asked, content=content, headers=dict(headers or {})
                )
            except httpx.TransportError as error:
                await trial.failed(error)
                continue
            if answer.status_code in RETRIED and again and trial.left:
                await trial.failed(httpx.ReadError(f"the service answered {answer.status_code}"))
                continue
            if answer.is_error:
                raise error_of(answer.status_code, answer.content)
            given: T = _given(answer.content, gives)
            return given

    async def _all(self, path: str, gives: type[list[T]], name: Callable[[T], str]) -> list[T]:
        """Everything in a list, page after page; `name` says after what the next one begins."""
        found: list[T] = []
        while True:
            query = {"limit": PAGE, "after": name(found[-1]) if found else None}
            page: list[T] = await self._ask("GET", path, gives, query=query)
            found += page
            if len(page) < PAGE:
                return found

    async def _stream(
        self, path: str, after: int, over: Callable[[], Awaitable[bool]] = _never
    ) -> AsyncGenerator[ServerSent, None]:
        """What an event stream gives after a number, each once and in order, over any number of connections.

        Where a connection ends, another takes it up, until all of it is `over`.
        """
        trial = Trial(self.patience)
        while True:
            async with aclosing(self._sent(path, after, trial)) as stream:
                async for one in stream:
                    after = after if one.id is None else int(one.id)
                    yield one
            if await over():
                return

    async def _sent(self, path: str, after: int, trial: Trial) -> AsyncGenerator[ServerSent, None]:
        """What one connection to an event stream gives, from after a number on, until it ends or breaks."""
        headers = {"last-event-id": str(after), "accept": "text/event-stream"}
        try:
            async with self._http.stream("GET", path, headers=headers) as answer:
                if answer.status_code in RETRIED:
                    raise httpx.ReadError(f"the service answered {answer.status_code}")
                if answer.status_code != 200:
                    raise error_of(answer.status_code, await answer.aread())
                async for one in sent(lines_of(answer.aiter_bytes())):
                    trial.works()
                    yield one
        except httpx.TransportError as error:
            await trial.failed(error)


def _given(content: bytes, gives: Any) -> Any:
    """What an answer says, as what it is declared to be."""
    if gives is None or gives is bytes:
        return None if gives is None else content
    return msgspec.json.decode(content, type=gives)
