"""A run as the Agent Communication Protocol sees it: its state, and its events. Both are folds of its journal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from coterie.doors.acp.shapes import message, part
from coterie.kernel.inquiries import Inquiry, questions
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, result
from coterie.words.event import Noted, Opened, Record

ENDED = {"succeeded": "completed", "unverified": "completed", "cancelled": "cancelled"}
"""What the ends of runs are called; all others are `failed`."""
FACTS = ("entered", "left", "failed")
"""What of a frame is told."""


def asked_in(run: str, records: Sequence[Record]) -> Inquiry | None:
    """What the run waits to be told: its oldest open question."""
    return next(iter(questions(run, counted(records)).values()), None)


def run_shown(run: str, records: Sequence[Record]) -> dict[str, Any]:
    """The state of a run."""
    began, asked, over = opened(records), asked_in(run, records), closed(records) is not None
    when = _when(records[-1])
    return {
        "run_id": run,
        "agent_name": began.origin.get("name", began.actor),
        "session_id": began.origin.get("session"),
        "status": _status(run, records),
        "await_request": None if asked is None else _request(asked, when),
        "output": _output(run, records, when),
        "error": _error(run, records),
        "created_at": _when(records[0]),
        "finished_at": when if over else None,
    }


def events_of(run: str, records: Sequence[Record]) -> list[dict[str, Any]]:
    """Every event by now."""
    told = [event for record in records for event in event_of(run, record)]
    return told + last_of(run, records)


def event_of(run: str, record: Record) -> Iterator[dict[str, Any]]:
    """What a record is, in events."""
    event = record.event
    if isinstance(event, Opened):
        yield {"type": "run.created", "run": {**run_shown(run, [record]), "status": "created"}}
        yield {"type": "run.in-progress", "run": run_shown(run, [record])}
    elif isinstance(event, Noted) and event.fact in FACTS:
        yield {"type": "generic", "generic": {"frame": event.path, "fact": event.fact}}


def last_of(run: str, records: Sequence[Record]) -> list[dict[str, Any]]:
    """How a stream closes: with an answer, a question, or neither."""
    shown = run_shown(run, records)
    if shown["status"] not in ("completed", "failed", "cancelled", "awaiting"):
        return []
    told: list[dict[str, Any]] = []
    for said in shown["output"]:
        told.append({"type": "message.created", "message": {**said, "parts": [], "completed_at": None}})
        told += [{"type": "message.part", "part": one} for one in said["parts"]]
        told.append({"type": "message.completed", "message": said})
    return [*told, {"type": f"run.{shown['status']}", "run": shown}]


def _status(run: str, records: Sequence[Record]) -> str:
    if closed(records) is None:
        return "in-progress" if asked_in(run, records) is None else "awaiting"
    return ENDED.get(result(run, records).status, "failed")


def _request(asked: Inquiry, when: str) -> dict[str, Any]:
    choices = f" ({', '.join(asked.ask.choices)})" if asked.ask.choices else ""
    return {"type": "message", "message": message("agent", asked.ask.question + choices, when)}


def _output(run: str, records: Sequence[Record], when: str) -> list[dict[str, Any]]:
    end = result(run, records)
    if end.message is None:
        return []
    name = re.sub(r"[^a-zA-Z0-9_-]", "-", end.message.sender)
    said = message(f"agent/{name}" if name else "agent", end.text, when)
    return [{**said, "parts": [part(end.text)]}]


def _error(run: str, records: Sequence[Record]) -> dict[str, Any] | None:
    end = result(run, records)
    if closed(records) is None or end.status in ENDED:
        return None
    why = end.failure.message if end.failure is not None else f"the run is {end.status}"
    return {"code": "server_error", "message": why}


def _when(record: Record) -> str:
    return datetime.fromtimestamp(record.time, UTC).isoformat()
