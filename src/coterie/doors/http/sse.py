"""Event streams: the records of a run as server-sent events (WHATWG HTML, 9.2), and between them what models say.

What has come meanwhile is sent at once, and what many watch is encoded once. A client that reads too slowly holds up
nobody: the run never waits for it, it is shown fewer and longer pieces, and after `slow` seconds of reading nothing
it is left; it may come back with the number of its last event.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from coterie.doors.events import event_data
from coterie.kernel.values import to_plain
from coterie.ports import Entry
from coterie.words.delta import Shown
from coterie.words.digest import plain
from coterie.words.event import Asked, Record

PING = 15.0
"""Seconds between two signs of life on a quiet stream."""
KEPT = 20_000
"""Encoded events that are kept for whoever else watches."""
MOST = 256
"""Events in one chunk."""
GAP = 0.01
"""Seconds between two chunks, for what comes meanwhile to go with the next: sending costs more than what is sent."""
EVENT = b"id: %d\nevent: %s\ndata: %s\n\n"


class Encoded:
    """The events of runs as bytes, each encoded once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def event(self, run: str, record: Record) -> bytes:
        """A record as an event, whose id is its number."""
        key = (run, record.seq)
        known = self._kept.get(key)
        if known is None:
            known = self._kept[key] = _encoded(record)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return known


def _encoded(record: Record) -> bytes:
    """A record as an event: what `event_data` says of it, without a dict for each part in between."""
    event = record.event
    if isinstance(event, Asked):  # as journals keep it
        data = event_data(record)
        return EVENT % (record.seq, b"asked", msgspec.json.encode(data, enc_hook=plain))
    kind = str(event.__struct_config__.tag).encode()
    head = b'{"seq":%d,"time":%s,' % (record.seq, msgspec.json.encode(record.time))
    return EVENT % (record.seq, kind, head + msgspec.json.encode(event, enc_hook=plain)[1:])


def piece(shown: Shown) -> bytes:
    """What a model says as an event without an id: whoever comes back is shown it anew."""
    data = msgspec.to_builtins(shown)
    kind = data["type"] if "type" in data else type(shown).__name__.lower()
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))


class Streamed(StreamingResponse):
    """Events as they come, to a client that reads them."""

    media_type = "text/event-stream"

    def __init__(
        self, batches: AsyncIterator[list[Any]], encode: Callable[[Any], bytes], slow: float
    ) -> None:
        super().__init__(_chunks(batches, encode), headers={"x-accel-buffering": "no"})
        self._slow = slow

    async def stream_response(self, send: Send) -> None:
        """Send it all; a client that reads nothing for too long is left."""

        async def patient(message: Message) -> None:
            async with asyncio.timeout(self._slow):
                await send(message)

        try:
            await super().stream_response(patient)
        except TimeoutError:
            return


class EventStream(Streamed):
    """The events of a run, and between them what its models say."""

    def __init__(
        self, run: str, batches: AsyncIterator[list[Record | Shown]], encoded: Encoded, slow: float
    ) -> None:
        super().__init__(
            batches, lambda one: encoded.event(run, one) if isinstance(one, Record) else piece(one), slow
        )


class EntryStream(Streamed):
    """The entries of a ledger as events of one kind, whose ids are their numbers; `shown` makes each a value."""

    def __init__(
        self, kind: str, batches: AsyncIterator[list[Entry]], shown: Callable[[Entry], Any], slow: float
    ) -> None:
        def encode(one: Entry) -> bytes:
            return EVENT % (one.seq, kind.encode(), msgspec.json.encode(to_plain(shown(one))))

        super().__init__(batches, encode, slow)


async def _chunks(
    batches: AsyncIterator[list[Any]], encode: Callable[[Any], bytes]
) -> AsyncGenerator[bytes, None]:
    source: Any = batches.__aiter__()
    coming: asyncio.Future[Any] = asyncio.ensure_future(anext(source, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=PING)
            if not coming.done():
                yield b": still here\n\n"
                continue
            batch: list[Any] | None = coming.result()
            if batch is None:
                return
            for at in range(0, len(batch), MOST):
                part = batch[at : at + MOST]
                yield b"".join([encode(one) for one in part])
            await asyncio.sleep(GAP)
            coming = asyncio.ensure_future(anext(source, None))
    finally:
        coming.cancel()
