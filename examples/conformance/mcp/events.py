"""What was sent on the streams of sessions, for a client that comes back to one: the newest of it, in memory."""

from __future__ import annotations

from collections import deque

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types.jsonrpc import JSONRPCMessage

KEPT = 10_000


class Events(EventStore):
    """An event store of the kit."""

    def __init__(self) -> None:
        self._sent: deque[tuple[int, StreamId, JSONRPCMessage | None]] = deque(maxlen=KEPT)
        self._number = 0

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self._number += 1
        self._sent.append((self._number, stream_id, message))
        return str(self._number)

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        after = int(last_event_id) if last_event_id.isdigit() else -1
        stream = next((stream for number, stream, _ in self._sent if number == after), None)
        for number, its, message in list(self._sent):
            if its == stream and number > after and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream
