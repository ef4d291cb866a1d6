"""A browser that a person signs in with: it is shown a page, and comes back to a port of this machine."""

from __future__ import annotations

import asyncio
import inspect
import socket
import sys
import webbrowser
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from coterie.errors import BadInput

if TYPE_CHECKING:
    from mcp.client.auth import AuthorizationCodeResult

HOST, PATH = "127.0.0.1", "/callback"
LONGEST = 16_384
"""Bytes that a request of a browser may have."""
PAGE = "<!doctype html><meta charset=utf-8><title>Coterie</title><p>{}</p>"


def shown(url: str) -> None:
    """Open a page in the browser of this machine, and say where it is for those who have none here."""
    print(f"To sign in, open {url}", file=sys.stderr)  # noqa: T201 - a person has to read it
    webbrowser.open(url)


class Browser:
    """One sign-in at a time: the page is shown, and what the browser brings back is waited for."""

    def __init__(self) -> None:
        self.show: Callable[[str], Any] = shown
        self.patience = 300.0
        self.open = False
        self._port = 0
        self._state = ""
        self._back: asyncio.Future[dict[str, str]] | None = None
        self._server: asyncio.Server | None = None

    def back_to(self, port: int) -> str:
        """Where the browser is to come back to: `port`, or one that is free."""
        self._port = port or self._port or _free()
        return f"http://{HOST}:{self._port}{PATH}"

    async def shows(self, url: str) -> None:
        """Listen, and show the page.

        Raises:
            BadInput: if somebody else listens at the port.
        """
        self._state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        self._back = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._asked, HOST, self._port, limit=LONGEST)
        except OSError as error:
            raise BadInput(f"nobody can sign in: port {self._port} is not to be had ({error})") from error
        self.open = True
        try:
            shown = await asyncio.to_thread(self.show, url)
            if inspect.isawaitable(shown):
                await shown
        except BaseException:
            self._closed()
            raise

    async def comes_back(self) -> AuthorizationCodeResult:
        """What the browser brings.

        Raises:
            OAuthFlowError: if the person said no, or took longer than there is patience.
        """
        from mcp.client.auth import AuthorizationCodeResult, OAuthFlowError

        assert self._back is not None  # a page was shown
        try:
            async with asyncio.timeout(self.patience):
                said = await self._back
        except TimeoutError:
            raise OAuthFlowError(f"nobody signed in within {self.patience:g} s") from None
        finally:
            self._closed()
        if "code" not in said:
            why = said.get("error_description") or said.get("error", "no code came back")
            raise OAuthFlowError(f"signing in was refused: {why}")
        return AuthorizationCodeResult(code=said["code"], state=said.get("state"), iss=said.get("iss"))

    def _closed(self) -> None:
        self.open = False
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer a request; only one that knows our state is the browser that we wait for."""
        try:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].decode("latin-1")
            said = _said(line)
            ours = said.get("state") == self._state and self._back is not None and not self._back.done()
            words = "You are signed in: this page can be closed." if "code" in said else "That was a no."
            if ours and self._back is not None:
                self._back.set_result(said)
            writer.write(_answer(words if ours else "Nobody waits for this.", ours))
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return
        finally:
            writer.close()


def _said(line: str) -> dict[str, str]:
    """The query of a request's first line, if it is for us."""
    parts = line.split(" ")
    if len(parts) < 2 or parts[0] != "GET":
        return {}
    url = urlsplit(parts[1])
    return {key: values[0] for key, values in parse_qs(url.query).items()} if url.path == PATH else {}


def _answer(words: str, ours: bool) -> bytes:
    page = PAGE.format(words).encode()
    head = f"HTTP/1.1 {'200 OK' if ours else '404 Not Found'}\r\nContent-Type: text/html\r\n"
    return f"{head}Content-Length: {len(page)}\r\nConnection: close\r\n\r\n".encode() + page


def _free() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
