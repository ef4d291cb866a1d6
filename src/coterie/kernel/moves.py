"""The past as newer code reads it: journals with what was moved in them, for whoever lives through them again.

1. What happened stays in the journal as it happened. A `moved` signal says how everything before it is read from
   then on; so nobody needs the function that said it, once it has.
2. What was dropped is not lived through again, and its cost is counted all the same.
3. A step that is `answered` is settled as soon as the play asks for it, as long as the play is in the time before
   the signal. From then on it is asked of the world like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.words.effect import Think, kind_of
from coterie.words.event import Asked, Event, Noted, Record, Settled, Signalled
from coterie.words.message import Message
from coterie.words.moves import Moves, Past
from coterie.words.usage import NOTHING, Usage

MOVED = "moved"
"""The kind of the signal that says how all before it is read."""


class Told(Struct):
    """A journal as it is lived through: its records, which new steps are answered up to which, and what was lost."""

    records: list[Record]
    answered: list[tuple[int, dict[str, Any]]]
    cost: Usage = NOTHING

    def answers(self, at: int) -> dict[str, Any]:
        """What is answered when record `at` is lived through."""
        found: dict[str, Any] = {}
        for end, answered in self.answered:
            if at <= end:
                found |= answered
        return found


def past(records: Iterable[Record]) -> list[Past]:
    """The steps of a run so far, in the order in which they were asked."""
    found: dict[str, Past] = {}
    for record in records:
        event = record.event
        if isinstance(event, Asked):
            found[event.path] = Past(path=event.path, kind=kind_of(event.effect))
        elif isinstance(event, Settled) and event.path in found:
            found[event.path] = replace(
                found[event.path], done=True, value=event.value, failure=event.failure
            )
    return list(found.values())


def told(records: Sequence[Record]) -> Told:
    """A journal as it is lived through after all that was moved in it."""
    said = [one.event for one in records if type(one.event) is Signalled]
    if not any(event.kind == MOVED for event in said):
        return Told(list(records), [])
    so_far = Told([], [])
    for record in records:
        event = record.event
        if isinstance(event, Signalled) and event.kind == MOVED:
            _move(so_far, msgspec.convert(event.value, Moves))
        so_far.records.append(record)
    return so_far


def _move(so_far: Told, moves: Moves) -> None:
    """Read all that there is by `moves`."""
    kept: list[Record] = []
    for record in so_far.records:
        event = record.event
        path = _path(event)
        if path is not None and any(_within(path, gone) for gone in moves.dropped):
            if isinstance(event, Settled):
                so_far.cost += event.usage
            continue
        kept.append(replace(record, event=_moved(event, moves)))
    so_far.records = kept
    so_far.answered = [
        (min(end, len(kept)), {_renamed(path, moves): value for path, value in answered.items()})
        for end, answered in so_far.answered
    ]
    so_far.answered.append((len(kept), dict(moves.answered)))


def _path(event: Event) -> str | None:
    """Which step or frame an event is about."""
    if isinstance(event, Asked | Settled | Noted):
        return event.path
    if isinstance(event, Signalled) and event.kind in ("answer", "raised"):
        return event.about
    return None


def _moved(event: Event, moves: Moves) -> Event:
    if isinstance(event, Settled):
        path = _renamed(event.path, moves)
        value = valued(moves.values[path], event.value) if path in moves.values else event.value
        return replace(event, path=path, value=value)
    if isinstance(event, Asked | Noted):
        return replace(event, path=_renamed(event.path, moves))
    if isinstance(event, Signalled) and event.kind in ("answer", "raised"):
        return replace(event, about=_renamed(event.about, moves))
    return event


def _renamed(path: str, moves: Moves) -> str:
    """The new path of a step: by the longest of those that are renamed which it is, or is below."""
    fitting = [old for old in moves.renamed if _within(path, old)]
    if not fitting:
        return path
    old = max(fitting, key=len)
    return moves.renamed[old] + path[len(old) :]


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith(f"{above}/")


def valued(given: Any, was: Any) -> Any:
    """An outcome as somebody gave it: for a message, its text will do."""
    return replace(was, text=given) if isinstance(was, Message) and isinstance(given, str) else given


def answer_to(asked: Asked, given: Any) -> Settled:
    """How a step ends that is answered by a migration."""
    effect = asked.effect
    if isinstance(effect, Think):
        given = (
            Message(sender=effect.actor, text=given)
            if isinstance(given, str)
            else msgspec.convert(given, Message)
        )
    return Settled(asked.path, given)
