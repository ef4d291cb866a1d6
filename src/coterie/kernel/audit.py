"""The compliance report of a run: every side effect with who, why, by which path and version, and with which approval.

A fold of the journal, as all of the story: also what a resume took back is in it, for it happened.

1. A *deed* is a step that may change something outside the run: a tool or function that was used, and what was
   remembered or forgotten.
2. *Why* is the model call that asked for it, the newest in the frame or above it that named the tool; a deed without
   one was asked for by the code of the play.
3. An *approval* belongs to the deed that follows it in the same frame or branch before a model is asked again there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.kernel.inquiries import Inquiry, inquiries
from coterie.kernel.replay import PERMISSION, counted
from coterie.kernel.story import opened, state, usage
from coterie.kernel.values import to_plain
from coterie.words.effect import Ask, Forget, Remember, Think, Use, body_of, kind_of
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.permit import GOVERNED
from coterie.words.result import Status
from coterie.words.usage import Usage

Outcome: TypeAlias = Literal["done", "failed", "unknown", "dropped", "refused", "reused", "waits"]
"""`unknown`: it was begun, and the journal does not say how it ended. `reused`: it was done in the run forked from.
`waits`: it is not begun, because a person has not permitted it."""
_DEEDS = (Use.kind, Remember.kind, Forget.kind)


class Reason(Struct, frozen=True, kw_only=True):
    """The model call that asked for a deed: where, its event, which model, and what it said beside the call."""

    path: str
    seq: int
    model: str
    said: str
    arguments: Any


class Decision(Struct, frozen=True, kw_only=True):
    """What a person was asked and answered; `by` may be empty, and `until` is 0 while it is open."""

    id: str
    path: str
    about: str
    question: str
    state: Literal["open", "answered", "over"]
    since: float
    answer: Any = None
    by: str = ""
    until: float = 0.0


_REFUSALS = ("OverLimit", "Denied", "NotGranted")


class Deed(Struct, frozen=True, kw_only=True):
    """One side effect. Times are seconds since the epoch; `ended` is 0 where nobody knows of an end.

    `version` is that of the actor in the manifest of the run, and `key` the idempotency key of the call.
    """

    seq: int
    time: float
    path: str
    actor: str
    version: str
    kind: str
    what: str
    arguments: Any
    key: str
    outcome: Outcome = "unknown"
    ended: float = 0.0
    value: Any = None
    failure: Failure | None = None
    why: Reason | None = None
    approval: Decision | None = None
    policy: str = ""
    """What the policy said where it did not simply let it happen: why it was refused, or left to a person."""
    permission: Decision | None = None
    """What that person said."""


class Said(Struct, frozen=True, kw_only=True):
    """Something that came from outside: a cancel, a message, a raised limit, an answer that was refused."""

    seq: int
    time: float
    kind: str
    about: str
    value: Any


class Report(Struct, frozen=True, kw_only=True):
    """Who did what in one run. `by` is who began it; `rights` are tools that were granted or lost, by path."""

    run: str
    actor: str
    by: str
    task: str
    status: Status
    began: float
    until: float
    origin: dict[str, Any]
    manifest: dict[str, str]
    models: dict[str, int]
    usage: Usage
    deeds: tuple[Deed, ...]
    decisions: tuple[Decision, ...]
    outside: tuple[Said, ...]
    rights: tuple[tuple[str, str, str], ...]


def report(run: str, records: Sequence[Record]) -> Report:
    """The compliance report of a run, as far as its journal goes."""
    began = opened(records)
    asked = inquiries(run, counted(records))  # a run that was gone on with asks on
    fold = _Fold(run, began, asked)
    for record in records:
        fold.add(record)
    return Report(
        run=run,
        actor=began.actor,
        by=str(began.origin.get("by") or began.origin.get(GOVERNED, {}).get("name", "")),
        task=began.task,
        status=state(records),
        began=records[0].time,
        until=records[-1].time,
        origin=began.origin,
        manifest=began.manifest,
        models=fold.models,
        usage=usage(records)[""],
        deeds=tuple(sorted(fold.deeds.values(), key=lambda deed: deed.seq)),
        decisions=tuple(map(_decision, asked)),
        outside=tuple(fold.outside),
        rights=tuple(fold.rights),
    )


class _Fold:
    """What is known of a run by now."""

    def __init__(self, run: str, began: Opened, asked: Iterable[Inquiry]) -> None:
        self.deeds: dict[int, Deed] = {}
        self.models: dict[str, int] = {}
        self.outside: list[Said] = []
        self.rights: list[tuple[str, str, str]] = []
        self._run = run
        self._began = began
        self._decided: dict[str, list[Inquiry]] = {}
        for one in asked:
            if one.ask.about == "approval":
                self._decided.setdefault(one.path, []).append(one)
        self._under_way: dict[str, int] = {}
        self._thinking: dict[str, str] = {}
        self._reasons: dict[str, list[Reason]] = {}
        self._approved: dict[str, Decision] = {}
        self._asking: set[str] = set()
        self._refused: dict[str, str] = {}
        self._held: dict[str, str] = {}
        self._permitted = {one.path: one for one in asked if one.ask.about == PERMISSION}

    def add(self, record: Record) -> None:
        """Take one record."""
        match record.event:
            case Asked(path=path, effect=effect):
                self._ask(record, path, kind_of(effect), body_of(effect))
            case Settled():
                self._settle(record.event, record)
            case Noted(path=path, fact="asks", about=about, value=[question, _]) if about == PERMISSION:
                self._held[path] = str(question)
            case Noted(path=path, fact=fact, about=about):
                self._note(path, fact, about)
            case Signalled(kind=kind, about=about, value=value) if kind != "answer":
                said = Said(seq=record.seq, time=record.time, kind=kind, about=about, value=to_plain(value))
                self.outside.append(said)
            case Closed():
                self._thinking.clear()
            case _:
                pass

    def _ask(self, record: Record, path: str, kind: str, body: bytes) -> None:
        frame = path.rpartition("/")[0]
        if kind == Think.kind:
            model = str(msgspec.msgpack.decode(body)[1])
            self.models[model] = self.models.get(model, 0) + 1
            self._thinking[path] = model
            self._approved.pop(frame, None)
        elif kind == Ask.kind:
            self._asking.add(path)
        elif kind in _DEEDS:
            self._begin(record, path, kind, msgspec.msgpack.decode(body))

    def _begin(self, record: Record, path: str, kind: str, body: list[Any]) -> None:
        frame = path.rpartition("/")[0]
        if path in self._held and path in self._under_way:
            del self.deeds[self._under_way[path]]  # it waited for a permission, and was not begun by then
        actor, version = _actor(self._began, frame)
        what, arguments = (body[0], body[1]) if kind == Use.kind else (kind, body[0])
        deed = Deed(
            seq=record.seq,
            time=record.time,
            path=path,
            actor=actor,
            version=version,
            kind=kind,
            what=what,
            arguments=to_plain(arguments),
            key=f"{self._run}:{path}",
            outcome="refused" if path in self._refused else "waits" if self._waits(path) else "unknown",
            why=self._reason(frame, what, arguments),
            approval=self._approved.pop(frame, None) or self._waited(frame, what),
            policy=self._refused.get(path) or self._held.get(path, ""),
            permission=self._permission(path),
        )
        self._under_way[path] = record.seq
        self.deeds[record.seq] = deed

    def _permission(self, path: str) -> Decision | None:
        """What a person said whom the policy left it to."""
        return _decision(self._permitted[path]) if path in self._permitted else None

    def _waits(self, path: str) -> bool:
        return path in self._held and self._permitted[path].state != "answered"

    def _waited(self, frame: str, what: str) -> Decision | None:
        """The approval of a tool that was waited for below the frame, with a deadline."""
        for below, decision in self._approved.items():
            if below.rpartition("/")[0] == frame and f"May {what!r}" in decision.question:
                return self._approved.pop(below)
        return None

    def _reason(self, frame: str, what: str, arguments: Any) -> Reason | None:
        """The newest model call in the frame, or above it, that named the tool."""
        while frame:
            if named := self._reasons.get(f"{frame} {what}", []):
                return next((one for one in named if one.arguments == arguments), named[-1])
            frame = frame.rpartition("/")[0]
        return None

    def _settle(self, settled: Settled, record: Record) -> None:
        path = settled.path
        frame = path.rpartition("/")[0]
        if path in self._under_way:
            self._end(self._under_way.pop(path), settled, record.time)
        elif path in self._thinking:
            self._thought(frame, path, settled, record)
        elif path in self._asking:
            self._asking.discard(path)
            found = [one for one in self._decided.get(path, ()) if one.until == record.time]
            if found and settled.failure is None:
                self._approved[frame] = _decision(found[-1])

    def _thought(self, frame: str, path: str, settled: Settled, record: Record) -> None:
        model, message = self._thinking.pop(path), settled.value
        if not isinstance(message, Message):
            return
        named: dict[str, list[Reason]] = {}
        for call in message.calls:
            reason = Reason(
                path=path, seq=record.seq, model=model, said=message.text, arguments=call.arguments
            )
            named.setdefault(f"{frame} {call.name}", []).append(reason)
        self._reasons.update(named)

    def _end(self, seq: int, settled: Settled, time: float) -> None:
        failure = settled.failure
        outcome: Outcome = "done" if failure is None else "failed"
        if failure is not None and failure.kind in _REFUSALS and settled.path in self._refused:
            outcome = "refused"
        self.deeds[seq] = replace(
            self.deeds[seq],
            outcome="reused" if settled.reused else outcome,
            ended=time,
            value=to_plain(settled.value),
            failure=failure,
        )

    def _note(self, path: str, fact: str, about: str) -> None:
        if fact in ("granted", "lost"):
            self.rights.append((path, fact, about))
        if fact == "refused":
            self._refused[path] = about  # noted before it is asked
        elif fact == "dropped" and path in self._under_way:
            seq = self._under_way.pop(path)
            self.deeds[seq] = replace(self.deeds[seq], outcome="dropped")


def _actor(began: Opened, frame: str) -> tuple[str, str]:
    """The actor of a frame's path, by the manifest of the run: its path there, and its version."""
    at = began.actor
    for name in frame.split("/")[1:]:
        below = f"{at}/{name.partition('.')[0]}"
        if below in began.manifest:
            at = below
    return at, began.manifest.get(at, "")


def _decision(asked: Inquiry) -> Decision:
    answer = asked.answer
    return Decision(
        id=asked.id,
        path=asked.path,
        about=asked.ask.about,
        question=asked.ask.question,
        state=asked.state,
        since=asked.since,
        answer=None if answer is None else to_plain(answer.value),
        by="" if answer is None else answer.by,
        until=asked.until,
    )
