"""Events as people and programs read them: one on a line, and one as plain data."""

from __future__ import annotations

from typing import Any

import msgspec

from coterie.doors.letters import cropped
from coterie.kernel.replay import shown
from coterie.words.digest import plain
from coterie.words.effect import body_of, kind_of
from coterie.words.event import Asked, Closed, Event, Noted, Opened, Record, Settled, Signalled
from coterie.words.message import Message


def event_line(record: Record, began: float) -> str:
    """An event on one line: its number, the seconds since the run began, where, and what."""
    where, what = _told(record.event)
    return f"{record.seq:>5} {record.time - began:8.2f} s  {where}  {what}"


def event_data(record: Record) -> dict[str, Any]:
    """An event as JSON-shaped data: `seq`, `time`, `type`, and what its kind has."""
    event = record.event
    if isinstance(event, Asked):
        body: dict[str, Any] = {"type": "asked", "path": event.path, **_asked(event)}
    else:
        body = msgspec.to_builtins(event, enc_hook=plain)
    return {"seq": record.seq, "time": record.time, **body}


def _asked(event: Asked) -> dict[str, Any]:
    parts = msgspec.msgpack.decode(body_of(event.effect))
    request = [part.hex() if isinstance(part, bytes) else part for part in parts]
    return {"kind": kind_of(event.effect), "request": request}


def _told(event: Event) -> tuple[str, str]:
    match event:
        case Opened():
            return event.actor, f"opened: {cropped(event.task, 80)}"
        case Asked():
            return event.path, f"asks {cropped(shown(event.effect), 100)}"
        case Settled(failure=None):
            return event.path, f"gives {_answer(event)}"
        case Settled():
            return event.path, f"failed: {cropped(str(event.failure), 200)}"
        case Noted():
            return event.path, f"{event.fact} {cropped(event.about, 80)}".rstrip()
        case Signalled():
            return "from outside", f"{event.kind} {cropped(event.about, 80)}".rstrip()
        case Closed():
            why = f": {event.failure}" if event.failure else ""
            return "closed", f"{event.status}{cropped(why, 200)}"


def _answer(event: Settled) -> str:
    value = event.value
    said = value.text or _calls(value) if isinstance(value, Message) else repr(value)
    tokens = f" ({event.usage.tokens:,} tokens)" if event.usage.tokens else ""
    reused = f" (taken from run {event.reused})" if event.reused else ""
    return f"{cropped(said, 80)}{tokens}{reused}"


def _calls(message: Message) -> str:
    return ", ".join(f"{call.name}({call.arguments})" for call in message.calls)
