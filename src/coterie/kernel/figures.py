"""Figures of a run: what it took, what of that was for nothing, and how far its members agreed. Folds of its journal.

**Critical path.** A model call takes from being asked to being settled, waiting for the model included. Two things
in one frame follow each other if one had ended before the other began, by the order of the journal; otherwise
they overlap. The critical path of a frame is the heaviest chain of things that follow each other, where a call
weighs its seconds, and a frame below weighs its own critical path (weighted interval scheduling, Kleinberg
and Tardos, "Algorithm Design", 2006, section 6.1). So it is the time that faster siblings could not shorten.

**Waste.** The tokens of a model call are wasted if

1. it *failed*, or a frame that it is in did;
2. it was *closed*: it, or a frame that it is in, was begun and never ended;
3. it is *unused*: its answer is found in no later prompt and not in the run's answer. An answer that is a JSON
   object or list, and one that calls tools, is read by a program, so it counts as used where its frame has ended.

Texts are found but for case and punctuation at the ends, so an answer of one word may be found by chance: waste
is counted from below.

**Agreement.** A member's position is its choice, where it made one, or else its text but for case, white space and
punctuation at the ends. Members agree as far as they share the most frequent position; the others dissent.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from coterie.kernel.replay import counted
from coterie.kernel.story import closed
from coterie.kernel.totals import model_of
from coterie.words.digest import plain
from coterie.words.effect import Stored, Think, kind_of
from coterie.words.event import Asked, Closed, Noted, Record, Settled
from coterie.words.message import Message
from coterie.words.usage import NOTHING, Usage

_ENDS = " \n\t.!?\"'`*"
"""What may stand around a text and say nothing."""


class ModelCall(Struct, frozen=True, kw_only=True):
    """One model call: where, by which model, from which event to which (0: never ended), and what came of it."""

    path: str
    model: str
    asked: int
    settled: int = 0
    seconds: float = 0.0
    answer: Message | None = None
    failed: bool = False
    usage: Usage = NOTHING


class Critical(Struct, frozen=True):
    """The heaviest chain of model calls: its seconds, and the paths of its calls in order."""

    seconds: float = 0.0
    calls: tuple[str, ...] = ()


class Waste(Struct, frozen=True):
    """Tokens that were for nothing, by why, and all tokens."""

    failed: int = 0
    closed: int = 0
    unused: int = 0
    tokens: int = 0

    @property
    def share(self) -> float:
        """The wasted part of all tokens, from 0 to 1."""
        return (self.failed + self.closed + self.unused) / self.tokens if self.tokens else 0.0


class Agreement(Struct, frozen=True):
    """How many members share the most frequent position, from 0 to 1, and who says something else."""

    share: float
    dissent: tuple[str, ...] = ()


def model_calls(records: Sequence[Record]) -> list[ModelCall]:
    """Every model call of a run, in the order in which they were asked."""
    found: dict[str, ModelCall] = {}
    began: dict[str, float] = {}
    for record in counted(records):
        event = record.event
        if isinstance(event, Asked) and kind_of(event.effect) == Think.kind:
            found[event.path] = ModelCall(path=event.path, model=model_of(event), asked=record.seq)
            began[event.path] = record.time
        elif isinstance(event, Settled) and event.path in began:
            found[event.path] = msgspec.structs.replace(
                found[event.path],
                settled=record.seq,
                seconds=record.time - began[event.path],
                answer=event.value if isinstance(event.value, Message) else None,
                failed=event.failure is not None,
                usage=event.usage,
            )
    return list(found.values())


def seconds(records: Sequence[Record]) -> float:
    """How long a run took, from its opening to its last event."""
    return records[-1].time - records[0].time


def cost(records: Sequence[Record], prices: Mapping[str, tuple[float, float]]) -> float:
    """US dollars: what models said that they cost, or else tokens by `prices` for a million in and out."""
    total = 0.0
    for call in model_calls(records):
        spent = call.usage
        into, out = prices.get(call.model, (0.0, 0.0))
        total += spent.usd or (spent.input_tokens * into + spent.output_tokens * out) / 1e6
    return total


def critical_path(records: Sequence[Record]) -> Critical:
    """The heaviest chain of model calls that had to follow one another."""
    leaves = [
        _Span(call.asked, call.settled, Critical(call.seconds, (call.path,)), call.path.split("/"))
        for call in model_calls(records)
        if call.settled
    ]
    return _heaviest(leaves, 0).weight if leaves else Critical()


class _Span(Struct, frozen=True):
    """Something that began and ended at an event, and its weight."""

    start: int
    end: int
    weight: Critical
    names: list[str]


def _heaviest(leaves: Sequence[_Span], depth: int) -> _Span:
    """The frame that all of `leaves` are in, `depth` names from the top."""
    below: dict[str, list[_Span]] = {}
    for leaf in leaves:
        below.setdefault(leaf.names[depth], []).append(leaf)
    parts = [
        each[0] if len(each) == 1 or len(each[0].names) == depth + 1 else _heaviest(each, depth + 1)
        for each in below.values()
    ]
    start, end = min(leaf.start for leaf in leaves), max(leaf.end for leaf in leaves)
    return _Span(start, end, _chain(parts), leaves[0].names)


def _chain(parts: Sequence[_Span]) -> Critical:
    """The heaviest chain of parts, each of which ended before the next began."""
    ordered = sorted(parts, key=lambda one: one.end)
    ends = [one.end for one in ordered]
    best = [Critical()]
    for n, one in enumerate(ordered):
        before = best[bisect_left(ends, one.start, 0, n)]
        with_it = Critical(before.seconds + one.weight.seconds, before.calls + one.weight.calls)
        best.append(with_it if with_it.seconds >= best[-1].seconds else best[-1])
    return best[-1]


def waste(records: Sequence[Record]) -> Waste:
    """What of a run's tokens was for nothing; see above for what that means."""
    calls = model_calls(records)
    failed, ended, begun = _frames(records)
    told, said = _told(records), _said(closed(records))
    lost = {"failed": 0, "closed": 0, "unused": 0}
    for call in calls:
        why = _wasted(call, failed, begun - ended - failed)
        if not why and not _used(call, told, said):
            why = "unused"
        if why:
            lost[why] += call.usage.tokens
    return Waste(**lost, tokens=sum(call.usage.tokens for call in calls))


def _frames(records: Sequence[Record]) -> tuple[set[str], set[str], set[str]]:
    """The paths of frames that failed, that ended, and that began; the run's own is its root."""
    found: dict[str, set[str]] = {"failed": set(), "left": set(), "entered": set()}
    root = ""
    for record in counted(records):
        event = record.event
        if isinstance(event, Noted) and event.fact in found:
            root = event.path.partition("/")[0]
            found[event.fact].add(event.path)
        elif isinstance(event, Closed):
            found["left" if event.message is not None else "failed"].add(root)
    return found["failed"], found["left"], found["entered"]


def _wasted(call: ModelCall, failed: set[str], open_: set[str]) -> str:
    above = list(_above(call.path))
    if call.failed or any(path in failed for path in above):
        return "failed"
    return "closed" if not call.settled or any(path in open_ for path in above) else ""


def _above(path: str) -> Iterator[str]:
    """The frames that a path is in, the nearest first."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _told(records: Sequence[Record]) -> dict[str, int]:
    """Everything that prompts said, each with the last event that asked with it."""
    told: dict[str, int] = {}
    for record in counted(records):
        event = record.event
        if isinstance(event, Asked):
            for message in _prompt(event):
                told[message.text.casefold()] = record.seq
    return told


def _prompt(asked: Asked) -> Iterable[Message]:
    """What a request says, as far as no request before it in its conversation did."""
    effect = asked.effect
    if isinstance(effect, Stored):
        return effect.prompt
    return effect.thread if isinstance(effect, Think) else ()


def _said(end: Closed | None) -> str:
    """The run's answer, its typed value included."""
    if end is None or end.message is None:
        return ""
    message = end.message
    return f"{message.text}\n{msgspec.json.encode(message.output, enc_hook=plain).decode()}".casefold()


def _used(call: ModelCall, told: Mapping[str, int], said: str) -> bool:
    answer = call.answer
    if answer is None or answer.calls or not answer.text.strip() or _for_programs(answer.text):
        return True
    text = answer.text.strip(_ENDS).casefold()
    return text in said or any(text in each for each, seq in told.items() if seq > call.settled)


def _for_programs(text: str) -> bool:
    """Whether a text is a JSON object or list."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def agreement(message: Message) -> Agreement | None:
    """How far the members agree whose answers a message was made from; None for fewer than two."""
    positions = [(part.sender, position(part)) for part in message.parts]
    if len(positions) < 2:
        return None
    counts: dict[str, int] = {}
    for _, held in positions:
        counts[held] = counts.get(held, 0) + 1
    common = max(counts, key=lambda held: counts[held])
    dissent = tuple(sender for sender, held in positions if held != common)
    return Agreement(counts[common] / len(positions), dissent)


def position(message: Message) -> str:
    """What a member says in sum: its choice, or its text without case, white space and punctuation around it."""
    for given in (message.output, _json(message.text)):
        value = msgspec.to_builtins(given, enc_hook=plain) if given is not None else None
        if isinstance(value, dict) and "choice" in value:
            return str(cast("dict[str, Any]", value)["choice"]).casefold()
    return " ".join(message.text.split()).strip(_ENDS).casefold()


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:  # a text
        return None
