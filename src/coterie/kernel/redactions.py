"""Redactions: what was taken out of a run, as its journal tells it. A fold, like all of the story."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from coterie.errors import Redacted
from coterie.words.event import Record, Signalled


class Redaction(Struct, frozen=True, kw_only=True):
    """One time that something was taken out: of which events, when (seconds since the epoch), by whom, and why."""

    seq: int
    time: float
    events: tuple[int, ...]
    by: str
    why: str


def redactions(records: Iterable[Record]) -> list[Redaction]:
    """What was taken out of a run, the first time first."""
    found: list[Redaction] = []
    for record in records:
        event = record.event
        if type(event) is Signalled and event.kind == "redacted":
            events, why = tuple(event.value["events"]), str(event.value["why"])
            found.append(Redaction(seq=record.seq, time=record.time, events=events, by=event.about, why=why))
    return found


def whole(run: str, records: Iterable[Record]) -> None:
    """See that a run can be gone on with: a tombstone is no answer.

    Raises:
        Redacted: if something was taken out of it.
    """
    found = redactions(records)
    if found:
        last = found[-1]
        events = sorted({event for one in found for event in one.events})
        told = ", ".join(map(str, events[:5])) + (f" and {len(events) - 5} more" if len(events) > 5 else "")
        raise Redacted(
            f"what events {told} of run {run!r} said was taken out by {last.by or 'somebody'}"
            f"{f' ({last.why})' if last.why else ''}: it can be read, and not gone on with; begin a new run"
        )
