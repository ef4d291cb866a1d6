"""Log lines: what operators want to find by run and path, as one line of JSON each, on the stream they are given."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

import msgspec

from coterie.words.effect import kind_of
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled, Signalled


class Lines:
    """An observer that writes a line for what begins, ends, fails, asks a person or comes from outside.

    No line has content of tasks, messages or tools: those are in the journal, under its access checks.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def began(self, run: str, records: Sequence[Record], /) -> None:
        if records:
            self._write(run, records[-1].time, "resumed", events=len(records))

    def happened(self, run: str, records: Sequence[Record], /) -> None:
        for record in records:
            said = _said(record)
            if said is not None:
                level, event, more = said
                self._write(run, record.time, event, level=level, seq=record.seq, **more)

    def left(self, run: str, /) -> None:
        return

    def _write(self, run: str, time: float, event: str, level: str = "info", **more: Any) -> None:
        line = {"time": round(time, 3), "level": level, "event": event, "run": run, **more}
        self._stream.write(msgspec.json.encode(line).decode() + "\n")


def _said(record: Record) -> tuple[str, str, dict[str, Any]] | None:
    """Level, name and particulars of a record that has a line."""
    match record.event:
        case Opened(actor=actor, origin=origin):
            return "info", "opened", {"path": actor, "by": str(origin.get("by", ""))}
        case Asked(path=path, effect=effect) if kind_of(effect) == "ask":
            return "info", "asks", {"path": path}
        case Settled(path=path, failure=failure) if failure is not None:
            return "warning", "step_failed", {"path": path, "kind": failure.kind}
        case Noted(path=path, fact="failed" | "refused" | "dead" as fact):
            return "warning", fact, {"path": path}
        case Signalled(kind=kind, about=about):
            return "info", "signalled", {"kind": kind, "path": about if kind == "answer" else ""}
        case Closed(status=status, usage=usage, failure=failure):
            level = "info" if status in ("succeeded", "unverified") else "error"
            why = {} if failure is None else {"kind": failure.kind}
            return level, "closed", {"status": status, "tokens": usage.tokens, "usd": usage.usd, **why}
        case _:
            return None
