"""Replay: a machine lives through a journal again, and says so where the two disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from coterie.errors import Diverged, OverLimit
from coterie.kernel.machine import Machine
from coterie.kernel.moves import MOVED, Told, answer_to, told
from coterie.words.digest import encode
from coterie.words.effect import Effect, Stored, Think, body_of, kind_of
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled, Signalled
from coterie.words.usage import NOTHING

PERMISSION = "permission"
"""What a question is about that a person is asked before a step is begun."""
STOPS = ("cancel", "limit")
"""Signals that end what a run is doing."""


def counted(records: Sequence[Record]) -> list[Record]:
    """The records that still count: a `resume` signal takes back the numbers it names."""
    kept = list(records)
    for record in [one for one in records if type(one.event) is Signalled]:
        event = record.event
        if isinstance(event, Signalled) and event.kind == "resume":
            back = {*event.value, record.seq}
            kept = [one for one in kept if one.seq not in back]
    return kept


def reopening(records: Sequence[Record]) -> Signalled:
    """The signal that lets a closed run go on: it takes back its closing and what led straight to it.

    That is a cancel, or every failure that arrived with the one that ended the run; what
    succeeded beside them stays.
    """
    back: list[int] = []
    rest = list(records)
    while rest and isinstance(rest[-1].event, (Closed, Noted, Asked)):
        record = rest.pop()
        kept = isinstance(record.event, Noted) and record.event.fact != "failed"
        if not kept:
            back.append(record.seq)
    failed: set[str] = set()
    while rest and isinstance(rest[-1].event, (Settled, Signalled)):
        record = rest.pop()
        event = record.event
        if isinstance(event, Signalled):
            if event.kind in STOPS:
                back.append(record.seq)
        elif isinstance(event, Settled) and event.failure:
            back.append(record.seq)
            failed.add(event.path)
    # A step that is known to have failed is not in doubt: it is asked anew.
    back += [one.seq for one in rest if isinstance(one.event, Asked) and one.event.path in failed]
    return Signalled("resume", value=sorted(back))


def pinned(records: Sequence[Record]) -> dict[str, str]:
    """The version of every actor that a run goes on with: those it was opened with, or migrated to since."""
    began = records[0].event
    versions = began.manifest if isinstance(began, Opened) else {}
    for event in [one.event for one in records if type(one.event) is Signalled]:
        if event.kind == "migrated":
            versions = event.value
    return versions


class Resumed(Struct, frozen=True):
    """Where a machine stands after a replay: what it wants, and since when the journal knows of it."""

    asked: list[Asked]
    since: dict[str, float]


def replay(machine: Machine, records: Sequence[Record], *, migrating: bool = False) -> Resumed:
    """Settle all that was settled; give what is wanted then.

    Of what was asked before the run was migrated, or of all if it is `migrating` now, only the kind has to be the same.

    Raises:
        Diverged: if the journal holds an ask that the machine does not make, or makes otherwise.
    """
    wanted: dict[str, Asked] = {}
    begun, past = _Begun(machine), told(records)
    records = past.records
    eased = len(records) if migrating else -1
    for n, record in enumerate(records):
        event = record.event
        if type(event) is Settled:
            wanted.pop(event.path, None)
            begun.since.pop(event.path, None)
            machine.settle(event)
        elif type(event) is Asked:
            _want(machine, wanted, past, n)
            now = wanted.get(event.path)
            if not (same := _same(event, now)):
                eased = _migrated(records) if eased < 0 else eased
                same = compare(event, now, eased=n < eased)
            if same or kind_of(event.effect) != Think.kind:
                begun.asked(event.path, record.time)
        elif type(event) is Noted and event.fact in ("refused", "asks"):
            begun.noted(event)
        elif type(event) is Signalled:
            if event.kind == MOVED:
                _want(machine, wanted, past, n)
            signal(machine, event)
            begun.signalled(event, record.time)
    _want(machine, wanted, past, len(records))
    if past.cost is not NOTHING:  # of what newer code never asked for
        machine.root.spend(past.cost)
        machine.budget.root.settle((), past.cost)
    machine.notes()
    machine.dropped()
    asked_now = [asked for path, asked in wanted.items() if path in machine.parked]
    return Resumed(asked_now, {path: time for path, time in begun.since.items() if path in machine.parked})


def _want(machine: Machine, wanted: dict[str, Asked], past: Told, at: int) -> None:
    """Take what the machine asks for now; what a migration answers there is settled at once."""
    fresh = machine.wants()
    for asked in fresh:
        wanted[asked.path] = asked
    if not past.answered:
        return
    answers = past.answers(at)
    due = [asked for asked in fresh if asked.path in answers]
    for asked in due:
        if wanted.pop(asked.path, None) is not None:
            machine.settle(answer_to(asked, answers[asked.path]))
    if due:
        _want(machine, wanted, past, at)


class _Begun:
    """What was begun and has not ended, as far as a journal was read: that is in doubt if the journal ends there."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.since: dict[str, float] = {}
        self._refused: set[str] = set()
        self._held: set[str] = set()
        self._before: set[str] = set()

    def noted(self, note: Noted) -> None:
        """Take a fact: right before a step is asked, it may say that the step is not begun."""
        asks = note.fact == "asks"
        if asks and note.about != PERMISSION:
            return
        (self._held if asks else self._refused).add(note.path)
        self.since.pop(note.path, None)
        self._before.add(note.path)

    def asked(self, path: str, time: float) -> None:
        """Take that a step was asked. It may have been before, and be let pass now that the run is gone on with."""
        if path in self._before or path in self._machine.budget.refused:
            self._before.discard(path)
            return
        self.since[path] = time
        if self._refused or self._held:
            self._refused.discard(path)
            self._held.discard(path)

    def signalled(self, said: Signalled, time: float) -> None:
        """Take what came from outside, if it lets something begin."""
        if said.kind == "answer" and said.about in self._held:
            self._held.discard(said.about)
            self.since[said.about] = time
        elif said.kind == "raised":
            over, parked = self._machine.budget.refused, self._machine.parked
            begun = [path for path in self._refused if path in parked and path not in over]
            self.since |= dict.fromkeys(begun, time)
            self._refused.difference_update(begun)


def _migrated(records: Sequence[Record]) -> int:
    """How many records were written before the last migration."""
    ends = [
        n
        for n, one in enumerate(records)
        if isinstance(one.event, Signalled) and one.event.kind == "migrated"
    ]
    return ends[-1] if ends else 0


def signal(machine: Machine, event: Signalled) -> None:
    """Let a machine take what came from outside."""
    if event.kind == "message":
        machine.tell(event.about, event.value)
    elif event.kind == "cancel":
        machine.cancel(event.about)
    elif event.kind == "raised":
        machine.budget.allow(event.value, event.about)
    elif event.kind == "limit":
        machine.stop(OverLimit(event.about))


def _same(then: Asked, now: Asked | None) -> bool:
    """Whether a play asks what its journal says, as nearly always."""
    if now is None:
        return False
    was, asks = then.effect, now.effect
    return type(was) is Stored and was.was == asks.kind and was.body == encode(asks.request())


def compare(then: Asked, now: Asked | None, *, eased: bool = False) -> bool:
    """Check that a play asks what its journal says; `eased`, only that it asks for the same kind of thing there.

    False if it was eased, and the play asks something else. A model is then asked anew.

    Raises:
        Diverged: if it does not; the message shows both.
    """
    if now is None:
        raise Diverged(
            f"the journal has {kind_of(then.effect)} here, and the play asks nothing. "
            "Was the team changed? Resume with the code that opened the run, or fork it",
            path=then.path,
        )
    was, asks = then.effect, now.effect
    if kind_of(was) != kind_of(asks) or (not eased and body_of(was) != body_of(asks)):
        raise Diverged(
            f"the play asks something else than its journal.\n  journal: {shown(was)}\n  play:    {shown(asks)}",
            path=then.path,
        )
    return body_of(was) == body_of(asks)


def shown(effect: Effect[Any]) -> str:
    """An effect's request on one line, for people."""
    parts = msgspec.msgpack.decode(body_of(effect))
    texts = [part.hex()[:12] if isinstance(part, bytes) else repr(part) for part in parts]
    return f"{kind_of(effect)}({', '.join(texts)})"[:400]
