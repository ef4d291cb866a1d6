"""The history of a run in detail: tools that were used, entries of the board, rounds, and what was spent when.

Folds of its journal, like all of the story; each may be given the beginning of a journal, and says how things stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from coterie.kernel.replay import counted
from coterie.words.effect import Think, Use, body_of, kind_of
from coterie.words.event import Asked, Noted, Record, Settled
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.usage import NOTHING, Usage


class ToolUse(Struct, kw_only=True):
    """One use of a tool: where, with what, and what it gave. `settled` is 0 until it has; times are epoch seconds."""

    path: str
    tool: str
    arguments: dict[str, Any]
    asked: int
    began: float
    settled: int = 0
    ended: float = 0.0
    value: Any = None
    failure: Failure | None = None


def uses(records: Sequence[Record]) -> list[ToolUse]:
    """Every use of a tool, in the order in which they were asked for."""
    found: dict[str, ToolUse] = {}
    for record in counted(records):
        event = record.event
        if isinstance(event, Asked) and kind_of(event.effect) == Use.kind:
            tool, arguments = msgspec.msgpack.decode(body_of(event.effect))
            found[event.path] = ToolUse(
                path=event.path, tool=tool, arguments=arguments, asked=record.seq, began=record.time
            )
        elif isinstance(event, Settled) and event.path in found:
            use = found[event.path]
            use.settled, use.ended = record.seq, record.time
            use.value, use.failure = event.value, event.failure
    return list(found.values())


class Written(Struct, frozen=True, kw_only=True):
    """One version of an entry of the board: its key and value, who wrote it, and when."""

    seq: int
    time: float
    key: str
    value: Any
    version: int
    author: str


def board(records: Sequence[Record]) -> dict[str, list[Written]]:
    """The board with its history: every version of every entry, by key, the oldest first."""
    found: dict[str, list[Written]] = {}
    for record in counted(records):
        event = record.event
        if isinstance(event, Noted) and event.fact == "put":
            versions = found.setdefault(event.about, [])
            versions.append(
                Written(
                    seq=record.seq,
                    time=record.time,
                    key=event.about,
                    value=event.value,
                    version=len(versions) + 1,
                    author=event.path,
                )
            )
    return found


class Spent(Struct, frozen=True, kw_only=True):
    """What a run had spent by an event."""

    seq: int
    time: float
    usage: Usage


def spending(records: Sequence[Record]) -> list[Spent]:
    """What had been spent after each event that cost something, from nothing at the opening on."""
    total = NOTHING
    found = [Spent(seq=record.seq, time=record.time, usage=total) for record in records[:1]]
    for record in records:
        event = record.event
        if isinstance(event, Settled) and event.usage != NOTHING:
            total += event.usage
            found.append(Spent(seq=record.seq, time=record.time, usage=total))
    return found


class Rounds(Struct, frozen=True, kw_only=True):
    """What members said who were called more than once by the same frame: a row a round, a column a member.

    `said` has the last answer that was given in the frame of each; None where there is none.
    """

    path: str
    members: tuple[str, ...]
    said: tuple[tuple[Message | None, ...], ...]


def rounds(records: Sequence[Record]) -> list[Rounds]:
    """Rounds side by side, for every frame that called some of its members more than once."""
    calls: dict[str, dict[str, list[str]]] = {}
    answers = said(records)
    for record in counted(records):
        event = record.event
        if isinstance(event, Noted) and event.fact == "entered" and "/" in event.path:
            above, _, name = event.path.rpartition("/")
            calls.setdefault(above, {}).setdefault(name.partition(".")[0], []).append(event.path)
    return [
        _rounds(above, members, answers)
        for above, members in calls.items()
        if any(len(paths) > 1 for paths in members.values())
    ]


def _rounds(above: str, members: dict[str, list[str]], answers: dict[str, Message]) -> Rounds:
    again = {name: paths for name, paths in members.items() if len(paths) > 1}
    rows = range(max(len(paths) for paths in again.values()))
    said = tuple(
        tuple(answers.get(paths[row]) if row < len(paths) else None for paths in again.values())
        for row in rows
    )
    return Rounds(path=above, members=tuple(again), said=said)


def entered(records: Sequence[Record]) -> set[str]:
    """The paths of all frames that an actor entered; other parts of a path are branches of its own making."""
    events = [record.event for record in counted(records)]
    return {event.path for event in events if isinstance(event, Noted) and event.fact == "entered"}


def said(records: Sequence[Record]) -> dict[str, Message]:
    """The last answer that a model gave in each frame, by the path of the frame."""
    asked: set[str] = set()
    answers: dict[str, Message] = {}
    for record in counted(records):
        event = record.event
        if isinstance(event, Asked) and kind_of(event.effect) == Think.kind:
            asked.add(event.path)
        elif isinstance(event, Settled) and event.path in asked and isinstance(event.value, Message):
            answers[event.path.rpartition("/")[0]] = event.value
    return answers
