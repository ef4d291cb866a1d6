"""HTTP clients that connect to what the screen has passed, and to nothing else: for httpx and httpx2.

No proxy of the environment is used: behind one, it is the proxy that looks names up.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Self

from coterie.reach.screen import Place, Screen
from coterie.reach.trace import carried


@cache
def _trust(kit: Any) -> Any:
    """Whose certificates are good: read once, which takes longer than a request. `SSL_CERT_FILE` may say others."""
    return kit.create_ssl_context()


class Pinned:
    """A transport: each request is screened and goes to the address that passed, under the name that was asked for.

    A host has connections of its own, so one that was made for a name is never used for another. `kit` is httpx or
    httpx2, whose transports are alike.
    """

    def __init__(self, screen: Screen, kit: Any) -> None:
        self._screen, self._kit = screen, kit
        self._lines: dict[tuple[Place, str], Any] = {}

    async def handle_async_request(self, request: Any) -> Any:
        """What the server answers.

        Raises:
            OffLimits: if the address may not be reached; nothing was sent.
        """
        url, kit = request.url, self._kit
        secure = url.scheme == "https"
        there = Place(secure, url.host.rstrip("."), url.port or (443 if secure else 80))
        try:
            address = await self._screen.found(there)
        except OSError as error:
            raise kit.ConnectError(f"{there.host!r} is nowhere: {error}", request=request) from error
        line = self._lines.get((there, address))
        if line is None:
            line = self._lines[there, address] = kit.AsyncHTTPTransport(verify=_trust(kit), trust_env=False)
        sent = kit.Request(
            request.method,
            url.copy_with(host=address),
            headers=_carrying(kit, request),
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": there.host},
        )
        return await line.handle_async_request(sent)

    async def aclose(self) -> None:
        """Close every connection."""
        while self._lines:
            _, line = self._lines.popitem()
            await line.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _carrying(kit: Any, request: Any) -> Any:
    """The headers of a request, with the trace that it is a part of unless it says one."""
    headers, more = request.headers, carried()
    return kit.Headers({**more, **headers}) if more else headers


def client(screen: Screen, *, kit: Any = None, **options: Any) -> Any:
    """A client (`httpx.AsyncClient`, or the kit's) whose every request, redirected ones too, passes `screen`.

    It is for one peer, or for a few: its connections stay until it is closed.
    """
    if kit is None:
        import httpx as kit
    return kit.AsyncClient(transport=Pinned(screen, kit), trust_env=False, **options)
