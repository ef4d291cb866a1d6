"""A caller over HTTP/1.1: one connection, one request at a time, and no more work than that takes.

A kit for HTTP spends more on a request than the service does, and then it is the kit that is measured.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
NUMBER = re.compile(rb"^id: (\d+)\nevent: (\w+)", re.MULTILINE)
GONE = (OSError, EOFError, asyncio.IncompleteReadError)
"""How a service that was killed looks to its callers."""


class Begun(Struct):
    """What is read of a run that was begun."""

    id: str


class Refused(Exception):
    """The service answered, and not with what was asked for."""


class Caller:
    """One connection to the service at `url`, made anew where it was lost."""

    def __init__(self, url: str, token: str) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname or "", place.port or 80
        self._head = f"Host: {place.netloc}\r\nAuthorization: Bearer {token}\r\n".encode()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self, team: str, task: str, key: str) -> str:
        """Begin a run; its id. The same key gives the same run."""
        body = msgspec.json.encode({"team": team, "task": task})
        more = f"Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n".encode()
        reader, head = await self._ask(b"POST /v1/runs", more, body)
        found = LENGTH.search(head)
        assert found is not None
        return msgspec.json.decode(await reader.readexactly(int(found[1])), type=Begun).id

    async def events(self, run: str, after: int) -> AsyncIterator[tuple[int, bytes]]:
        """The number and the kind of each event of a run after `after`, until the service ends the stream."""
        more = f"Last-Event-ID: {after}\r\n".encode()
        reader, _ = await self._ask(f"GET /v1/runs/{run}/events?live=0".encode(), more)
        while size := int(await reader.readline(), 16):
            chunk = await reader.readexactly(size + 2)
            for number, kind in NUMBER.findall(chunk):
                yield int(number), kind
        await reader.readline()

    def close(self) -> None:
        """Let go of the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _ask(self, what: bytes, more: bytes, body: bytes = b"") -> tuple[asyncio.StreamReader, bytes]:
        """Send a request; where its answer can be read, behind its head.

        Raises:
            Refused: if it is no success.
        """
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        self._writer.write(b"%b HTTP/1.1\r\n%b%b\r\n%b" % (what, self._head, more, body))
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = STATUS.match(head)
        if status is None or not status[1].startswith(b"2"):
            raise Refused(head.partition(b"\r\n")[0].decode())
        return self._reader, head
