"""What is said in runs, to whoever watches them on other hosts, over NATS core: what is not heard now is lost.

Theory of operation
===================

1. Who watches a run says so every `BEAT` seconds, on one subject of the queue that all who perform runs hear. Who
   performs a run that nobody has said so of for `WANTED` seconds publishes nothing.
2. What is told of a run is on a subject of its own: only those who watch it are sent it.
3. Nothing here is a promise. Journals are the truth, and watchers look into them now and then in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from coterie.words.delta import News
from coterie.words.digest import digest_of

BEAT = 2.0
"""Seconds after which a watcher says again that it watches."""
LOOK = 0.2
"""Seconds until a broker that was lost is looked for again."""


class _Watch(Struct, frozen=True):
    """Somebody watches a run; `fresh` says that it has been told nothing yet."""

    tenant: str
    run: str
    fresh: bool


class NatsLive:
    """What is told of the runs of one queue; `connected` gives this process's connection."""

    def __init__(self, connected: Callable[[], Awaitable[Any]], queue: str) -> None:
        self._connected = connected
        self._queue = queue

    @asynccontextmanager
    async def listen(self, tenant: str, run: str, take: Callable[[News], None]) -> AsyncGenerator[None]:
        """Have `take` called with what is told of a run, while this is open."""
        listening = asyncio.get_running_loop().create_task(self._listen(tenant, run, take))
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def attend(self, wanted: Callable[[str, str, bool], Awaitable[None]]) -> None:
        """Have `wanted` called with each run (its tenant, its name, whether anew) that somebody watches."""

        async def told(message: Msg) -> None:
            watch = msgspec.json.decode(message.data, type=_Watch)
            await wanted(watch.tenant, watch.run, watch.fresh)

        while True:
            with contextlib.suppress(NatsError, OSError):
                await (await self._connected()).subscribe(self._watches(), cb=told)
                return
            await asyncio.sleep(LOOK)

    async def tell(self, tenant: str, run: str, news: News) -> None:
        """Tell those who watch a run; who cannot be reached is not told."""
        with contextlib.suppress(NatsError, OSError):
            client = await self._connected()
            await client.publish(self._subject(tenant, run), msgspec.msgpack.encode(news))

    async def _listen(self, tenant: str, run: str, take: Callable[[News], None]) -> None:
        async def told(message: Msg) -> None:
            take(msgspec.msgpack.decode(message.data, type=News))

        coming: Any = None
        try:
            while True:
                with contextlib.suppress(NatsError, OSError):
                    client, fresh = await self._connected(), coming is None
                    coming = coming or await client.subscribe(self._subject(tenant, run), cb=told)
                    watch = _Watch(tenant, run, fresh)
                    await client.publish(self._watches(), msgspec.json.encode(watch))
                await asyncio.sleep(BEAT if coming else LOOK)
        finally:
            if coming is not None:
                with contextlib.suppress(NatsError, OSError):
                    await coming.unsubscribe()

    def _watches(self) -> str:
        return f"coterie-watch.{self._queue}"

    def _subject(self, tenant: str, run: str) -> str:
        return f"coterie-live.{digest_of([self._queue, tenant, run]).hex()[:32]}"
