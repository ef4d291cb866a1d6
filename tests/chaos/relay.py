"""A network that can be cut: every connection of a worker goes through a relay that may stop carrying anything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Connect: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Relay:
    """Carries what is sent to a port on to a server. Cut, it carries nothing and says nothing, as a dead cable does."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._whole = asyncio.Event()
        self._whole.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._carried, host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Carry nothing any more."""
        self._whole.clear()

    def mend(self) -> None:
        """Carry again; what was open before is gone."""
        for writer in self._open:
            writer.transport.abort()
        self._whole.set()

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self.mend()

    async def _carried(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        writers = {back}
        self._open.add(back)
        try:
            await self._whole.wait()
            far, there = await self._connect()
            writers.add(there)
            self._open.add(there)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._one_way(near, there))
                group.create_task(self._one_way(far, back))
        except* OSError:
            pass  # the server is not there, or somebody hung up
        finally:
            for writer in writers:
                self._open.discard(writer)
                writer.transport.abort()

    async def _one_way(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._whole.wait()
            target.write(data)
            await target.drain()
        with contextlib.suppress(OSError):
            target.close()
