"""Two runs side by side: what each came to, where they part, and what each took. A fold of both journals.

A step is what a run asked of the world at one path. Two runs *part* at the first step, in the order in which the one
settled them, that the other does not have, asked otherwise, or got another outcome of; what a call cost, and whether it
was taken from another run, makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from coterie.kernel.figures import critical_path, seconds
from coterie.kernel.replay import counted, shown
from coterie.kernel.story import Branch, opened, result, state, tree, usage
from coterie.kernel.values import to_plain
from coterie.words.effect import Effect, body_of, kind_of
from coterie.words.event import Asked, Record, Settled
from coterie.words.message import Message
from coterie.words.result import Status
from coterie.words.usage import NOTHING, Usage

How: TypeAlias = Literal["asked otherwise", "came out otherwise", "only here", "only there"]
"""What makes a step another one: what was asked, what came of it, or that only one of the runs has it."""


class Side(Struct, frozen=True, kw_only=True):
    """One of two runs: what it came to and took. `critical` is its heaviest chain of model calls, in seconds."""

    run: str
    actor: str
    task: str
    status: Status
    text: str
    output: Any
    failure: str
    usage: Usage
    seconds: float
    critical: float
    steps: int
    reused: int
    manifest: dict[str, str]


class Parting(Struct, frozen=True, kw_only=True):
    """A step that is not the same in both: where, how, and what each of the runs has there."""

    path: str
    how: How
    here: str = ""
    there: str = ""
    here_seq: int = -1
    there_seq: int = -1


class Row(Struct, frozen=True, kw_only=True):
    """One frame of either run: what was spent below it, and how long it took; -1 seconds where a run has it not."""

    path: str
    here: Usage = NOTHING
    there: Usage = NOTHING
    here_seconds: float = -1.0
    there_seconds: float = -1.0


class Difference(Struct, frozen=True, kw_only=True):
    """Two runs side by side. `versions` are the actors whose version is not the same; `first` is where they part."""

    here: Side
    there: Side
    same_outcome: bool
    versions: tuple[str, ...]
    first: Parting | None
    partings: tuple[Parting, ...]
    rows: tuple[Row, ...]


class _Step(Struct):
    """A step of one run, with the event that settled it, or asked it where none did."""

    seq: int
    asked: bytes
    effect: Effect[Any]
    outcome: Any = None
    failure: str = ""
    settled: bool = False
    reused: bool = False


def difference(here: str, ours: Sequence[Record], there: str, theirs: Sequence[Record]) -> Difference:
    """The run `here`, whose journal is `ours`, beside the run `there`."""
    steps, others = _steps(ours), _steps(theirs)
    one, other = _side(here, ours, steps), _side(there, theirs, others)
    partings = _partings(steps, others)
    names = sorted(set(one.manifest) | set(other.manifest))
    return Difference(
        here=one,
        there=other,
        same_outcome=(one.status, one.text, one.output) == (other.status, other.text, other.output),
        versions=tuple(name for name in names if one.manifest.get(name) != other.manifest.get(name)),
        first=partings[0] if partings else None,
        partings=partings,
        rows=_rows(ours, theirs),
    )


def _side(run: str, records: Sequence[Record], steps: dict[str, _Step]) -> Side:
    began, end = opened(records), result(run, records)
    return Side(
        run=run,
        actor=began.actor,
        task=began.task,
        status=state(records),
        text=end.text,
        output=None if end.message is None else to_plain(end.message.output),
        failure="" if end.failure is None else str(end.failure),
        usage=usage(records)[""],
        seconds=seconds(records),
        critical=critical_path(records).seconds,
        steps=len(steps),
        reused=sum(step.reused for step in steps.values()),
        manifest=began.manifest,
    )


def _steps(records: Sequence[Record]) -> dict[str, _Step]:
    """The steps of a run by path, in the order in which they were settled."""
    asked: dict[str, _Step] = {}
    for record in counted(records):
        event = record.event
        if isinstance(event, Asked):
            body = kind_of(event.effect).encode() + body_of(event.effect)
            asked[event.path] = _Step(record.seq, body, event.effect)
        elif isinstance(event, Settled) and event.path in asked:
            step = asked.pop(event.path)
            step.seq, step.settled, step.reused = record.seq, True, bool(event.reused)
            step.outcome, step.failure = _outcome(event.value), str(event.failure or "")
            asked[event.path] = step
    return dict(sorted(asked.items(), key=lambda item: (not item[1].settled, item[1].seq)))


def _outcome(value: Any) -> Any:
    """What came of a step, without what it cost."""
    if isinstance(value, Message):
        calls = [[call.name, call.arguments] for call in value.calls]
        return [value.text, to_plain(value.output), calls]
    return to_plain(value)


def _partings(ours: dict[str, _Step], theirs: dict[str, _Step]) -> tuple[Parting, ...]:
    found = [parting for path, step in ours.items() if (parting := _parting(path, step, theirs.get(path)))]
    found += [
        Parting(path=path, how="only there", there=_told(step), there_seq=step.seq)
        for path, step in theirs.items()
        if path not in ours
    ]
    return tuple(found)


def _parting(path: str, step: _Step, other: _Step | None) -> Parting | None:
    if other is None:
        return Parting(path=path, how="only here", here=_told(step), here_seq=step.seq)
    if step.asked != other.asked:
        how: How = "asked otherwise"
    elif (step.settled, step.outcome, step.failure) != (other.settled, other.outcome, other.failure):
        how = "came out otherwise"
    else:
        return None
    return Parting(
        path=path,
        how=how,
        here=_told(step),
        there=_told(other),
        here_seq=step.seq,
        there_seq=other.seq,
    )


def _told(step: _Step) -> str:
    """What a step asked and what came of it, on one line for people."""
    if not step.settled:
        return f"{shown(step.effect)}: never settled"
    outcome = step.failure or (step.outcome[0] or step.outcome[2] if _said(step) else step.outcome)
    return f"{shown(step.effect)}: {outcome}"


def _said(step: _Step) -> bool:
    """Whether a message came of it."""
    return kind_of(step.effect) == "think" and isinstance(step.outcome, list)


def _rows(ours: Sequence[Record], theirs: Sequence[Record]) -> tuple[Row, ...]:
    """The frames of both runs, in the order in which the first had them, and then those of the other."""
    here, there = _frames(tree(ours)), _frames(tree(theirs))
    return tuple(
        Row(
            path=path,
            here=here[path].usage if path in here else NOTHING,
            there=there[path].usage if path in there else NOTHING,
            here_seconds=_took(here.get(path)),
            there_seconds=_took(there.get(path)),
        )
        for path in dict.fromkeys([*here, *there])
    )


def _frames(branch: Branch) -> dict[str, Branch]:
    found = {branch.path: branch}
    for child in branch.children:
        found |= _frames(child)
    return found


def _took(branch: Branch | None) -> float:
    if branch is None or not branch.began:
        return -1.0
    return max(0.0, branch.ended - branch.began)
