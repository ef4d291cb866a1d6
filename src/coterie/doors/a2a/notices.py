"""Notices: what a client that wants to be told is told of a task, as a fold of its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from a2a.types import a2a_pb2 as pb
from msgspec import Struct

from coterie.doors.a2a.stream import Event, Translator
from coterie.doors.a2a.tasks import ASKING, context_of, status_of
from coterie.kernel.story import closed, opened
from coterie.words.digest import digest
from coterie.words.effect import Ask, kind_of
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled, Signalled

WAITS = ("asks", "listens", "dropped")
"""What the kernel notes of a run that may change who has to move it."""


class Notice(Struct, frozen=True):
    """A change of a task's state: the number of the event that made it, the state, and what is told, in order."""

    seq: int
    state: str
    events: tuple[Event, ...]


def notices(run: str, records: Sequence[Record], after: int, known: str) -> list[Notice]:
    """What has become of a task since the event numbered `after`, when its state was `known`.

    Where nothing was known, where it stood then is the first of it.
    """
    found: list[Notice] = []
    for end in _moments(records, after if not known else after + 1):
        seen = records[: end + 1]
        status = status_of(run, seen)
        state = _named(status)
        if state != known:
            found.append(Notice(end, state, tuple(_told(run, seen, status))))
            known = state
    return found


def matters(record: Record) -> bool:
    """Whether a record may change the state of a task."""
    match record.event:
        case Opened() | Closed() | Signalled() | Settled():
            return True
        case Asked(effect=effect):
            return kind_of(effect) == Ask.kind
        case Noted(fact=fact):
            return fact in WAITS


def _moments(records: Sequence[Record], first: int) -> Iterator[int]:
    """The numbers of the events with which a burst ends that may have changed the state, or that `first` is in.

    What was written together happened at one moment, and has one time: in between, nobody saw the run.
    """
    asked = changed = False
    for n, record in enumerate(records):
        asked = asked or _asks(record)
        changed = changed or n == first or (matters(record) and (asked or type(record.event) is not Settled))
        if n + 1 < len(records) and records[n + 1].time == record.time:
            continue
        if changed and n >= first:
            yield n
        changed = False


def _asks(record: Record) -> bool:
    event = record.event
    if isinstance(event, Asked):
        return kind_of(event.effect) == Ask.kind
    return isinstance(event, Noted) and event.fact in WAITS


def _named(status: pb.TaskStatus) -> str:
    """A state in a word, with what is asked where something is: the next question is another state."""
    name = pb.TaskState.Name(status.state)
    if status.state not in ASKING:
        return name
    return f"{name} {digest(status.message.SerializeToString(deterministic=True)).hex()[:16]}"


def _told(run: str, records: Sequence[Record], status: pb.TaskStatus) -> Iterator[Event]:
    """What a stream would say here: the answer where there is one, and where the task stands."""
    began = opened(records)
    if closed(records) is not None:
        yield from Translator(began, live=False).ended(records)
    else:
        yield pb.TaskStatusUpdateEvent(task_id=run, context_id=context_of(began), status=status)
