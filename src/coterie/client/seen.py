"""What an event stream says, as values: server-sent events (WHATWG HTML, 9.2.6) and the records in them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from coterie.words.effect import Stored
from coterie.words.event import Asked, Closed, Event, Noted, Opened, Record, Settled, Signalled
from coterie.words.message import Message

KINDS: dict[str, Any] = {
    "opened": Opened,
    "settled": Settled,
    "noted": Noted,
    "signalled": Signalled,
    "closed": Closed,
}
"""The events that are as they are told; an `asked` one is kept as a journal keeps it."""


ENDS = re.compile(rb"\r\n|\n|\r")
"""What ends a line of a stream."""


class Happened(Struct, frozen=True, kw_only=True):
    """One thing that happened in a run: its number, when, of which kind, and all that the service says of it."""

    seq: int
    time: float
    type: str
    data: dict[str, Any]

    @property
    def path(self) -> str:
        """Where in the run; empty for what concerns all of it."""
        return str(self.data.get("path", ""))


class Told:
    """Turns what happened back into the records of a journal, to be folded as at home."""

    def __init__(self) -> None:
        self._thinks: set[str] = set()

    def record(self, one: Happened) -> Record:
        """The record that this tells of."""
        return Record(one.seq, one.time, self._event(one))

    def _event(self, one: Happened) -> Event:
        if one.type == "asked":
            kind = one.data["kind"]
            if kind == "think":
                self._thinks.add(one.path)
            return Asked(one.path, Stored(kind, msgspec.msgpack.encode(one.data["request"])))
        event: Event = msgspec.convert(one.data, KINDS[one.type])
        if isinstance(event, Settled) and one.path in self._thinks and event.failure is None:
            return msgspec.structs.replace(event, value=msgspec.convert(event.value, Message))
        return event


class ServerSent(Struct):
    """One server-sent event; `id` is None where it has none."""

    data: str
    event: str = "message"
    id: str | None = None


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """The lines of a stream, as it ends them: at CR LF, LF or CR, and at no letter of Unicode."""
    rest = b""
    async for chunk in chunks:
        rest += chunk
        held = b"\r" if rest.endswith(b"\r") else b""  # its LF may be in the next chunk
        *lines, rest = ENDS.split(rest.removesuffix(held))
        rest += held
        for line in lines:
            yield line.decode("utf-8", "replace")


async def sent(lines: AsyncIterator[str]) -> AsyncIterator[ServerSent]:
    """The events in the lines of a stream; comments are signs of life and say nothing."""
    fields: dict[str, list[str]] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields:
            yield _event(fields)
        fields = {}


def _event(fields: Mapping[str, list[str]]) -> ServerSent:
    """The event of some fields: all of its data, and the last of whatever else was said again."""
    event, id = fields.get("event", ["message"]), fields.get("id", [None])
    return ServerSent("\n".join(fields["data"]), event[-1], id[-1])


def happened(one: ServerSent) -> Happened | None:
    """The record in a server-sent event; None for what is no record, such as a piece of what a model says."""
    if one.id is None or not one.id.isdigit():
        return None
    data = msgspec.json.decode(one.data, type=dict[str, Any])
    return Happened(seq=data["seq"], time=data["time"], type=data["type"], data=data)
