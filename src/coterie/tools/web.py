"""HTTP GET as a tool: a page of the public web, and nothing of the networks that this machine is in.

The address is resolved once, screened, and connected to (`coterie.reach`). Every redirect is screened like the first
address.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urljoin, urlsplit

from coterie.errors import BadInput, OffLimits, ToolFailed
from coterie.reach.screen import PORTS, Place, Screen, place
from coterie.reach.trace import carried
from coterie.tool import Tool

LARGEST, SECONDS, HOPS = 1 << 20, 20.0, 5
REDIRECTS = (301, 302, 303, 307, 308)


def http(
    *,
    allow: Sequence[str] = (),
    private: bool = False,
    largest: int = LARGEST,
    seconds: float = SECONDS,
    trust: ssl.SSLContext | None = None,
) -> Tool:
    """A tool `http_get` that fetches a page: at most `largest` bytes, in at most `seconds`.

    Only ports 80 and 443 of public addresses can be reached. With `allow` only hosts that fit one of its patterns
    (`example.org`, `*.example.org`, `localhost:8080`) can be, on the ports that it names; with `private` too they
    may be in private networks.

    Raises:
        BadInput: if private addresses are allowed and no hosts are.
    """
    if private and not allow:
        raise BadInput("http: private addresses need an allow-list of hosts")

    def http_get(url: str) -> dict[str, Any]:
        """Get a page of the web by its URL: its status, type and text. HTML comes as plain text."""
        return _Fetch(tuple(allow), private, largest, seconds, trust).get(url)

    # A URL can carry off what it is made of, so a page of anywhere is sensitive.
    return Tool(http_get, idempotent=True, timeout=seconds + 10, sensitive=not allow, tags=["web", "read"])


class _Fetch:
    """One page being fetched, over as many redirects as there may be."""

    def __init__(
        self,
        allow: tuple[str, ...],
        private: bool,
        largest: int,
        seconds: float,
        trust: ssl.SSLContext | None,
    ) -> None:
        self.allow, self.private, self.largest, self.seconds = allow, private, largest, seconds
        self.until = time.monotonic() + seconds
        self.trust = trust

    def get(self, url: str) -> dict[str, Any]:
        """The page.

        Raises:
            ToolFailed: if it may not be reached, or cannot be.
        """
        for _ in range(HOPS + 1):
            try:
                page, onward = self._once(url)
            except (OSError, HTTPException, ValueError) as error:
                late = time.monotonic() >= self.until
                why = (
                    f"it took longer than {self.seconds:g} s" if late else str(error) or type(error).__name__
                )
                raise ToolFailed(f"http: {url!r}: {why}") from error
            if not onward:
                return page
            if url.startswith("https:") and onward.startswith("http:"):
                raise ToolFailed(f"http: {url!r} leads from https to http, at {onward!r}")
            url = onward
        raise ToolFailed(f"http: more than {HOPS} redirects, the last to {url!r}")

    def _once(self, url: str) -> tuple[dict[str, Any], str]:
        """A page, and where it leads on to if it is a redirect."""
        parts, there = urlsplit(url), self._allowed(url)
        with closing(self._connected(there)) as line:
            alarm = threading.Timer(max(0.0, self.until - time.monotonic()), _hang_up, [line.sock])
            alarm.start()
            try:
                target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                headers = {"User-Agent": "coterie", "Accept": "text/*, application/json, */*;q=0.1"}
                headers |= {"Accept-Encoding": "identity", **carried()}
                line.request("GET", target, headers=headers)
                answer = line.getresponse()
                onward = answer.headers.get("Location") if answer.status in REDIRECTS else None
                if onward:
                    return {}, urljoin(url, onward)
                return self._page(url, answer), ""
            finally:
                alarm.cancel()

    def _allowed(self, url: str) -> Place:
        """Where a URL leads that may be asked for."""
        try:
            there = place(url)
        except BadInput as error:
            raise ToolFailed(f"http: {error.message}") from error
        usual = there.port in PORTS.values()
        if self.allow:
            named = (str(there), there.host) if usual else (str(there),)
            if not any(fnmatchcase(name, one) for name in named for one in self.allow):
                raise ToolFailed(f"http: host {str(there)!r} is not on the list of those that may be asked")
        elif not usual:
            raise ToolFailed(f"http: port {there.port} is neither 80 nor 443")
        return there

    def _connected(self, there: Place) -> HTTPConnection:
        """A connection to the address that passed the screen, under the name that was asked for."""
        try:
            address = Screen(self.allow if self.private else ()).address(there)
        except OffLimits as error:
            raise ToolFailed(f"http: {error.message}") from error
        left = max(0.1, self.until - time.monotonic())
        line = HTTPConnection(there.host, there.port, timeout=left)
        raw = socket.create_connection((address, there.port), timeout=left)
        if there.secure:
            context = self.trust or ssl.create_default_context()
            try:
                raw = context.wrap_socket(raw, server_hostname=there.host)
            except BaseException:
                raw.close()
                raise
            line.default_port = PORTS["https"]
        line.sock = raw
        return line

    def _page(self, url: str, answer: HTTPResponse) -> dict[str, Any]:
        data = answer.read(self.largest + 1)
        if time.monotonic() >= self.until:
            raise TimeoutError
        kind = answer.headers.get_content_type()
        charset = answer.headers.get_content_charset() or "utf-8"
        try:
            text = data[: self.largest].decode(charset, errors="replace")
        except LookupError:
            text = data[: self.largest].decode(errors="replace")
        if kind == "text/html":
            text = _read(text)
        cut = len(data) > self.largest
        return {"status": answer.status, "url": url, "type": kind, "text": text, "cut": cut}


def _hang_up(sock: socket.socket | None) -> None:
    """End a connection from outside, whatever it waits for."""
    try:
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Reader(HTMLParser):
    """What a person reads of a page."""

    HIDDEN = ("script", "style", "template", "noscript")
    BLOCKS = ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "title", "section", "article")

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden += tag in self.HIDDEN
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in self.HIDDEN and self.hidden > 0
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def _read(page: str) -> str:
    reader = _Reader()
    reader.feed(page)
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line)
