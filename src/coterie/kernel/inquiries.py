"""Inquiries: what a run has asked people, and what became of it. A fold of its journal, like all of the story.

An inquiry has an id of its own, made of the run, the step that asks and all that is asked: so an answer cannot
reach another question, nor the same one with other arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from coterie.kernel.moves import told
from coterie.kernel.replay import PERMISSION
from coterie.words.digest import digest, encode
from coterie.words.effect import Answer, Ask, Effect, body_of, kind_of
from coterie.words.event import Asked, Closed, Noted, Record, Settled, Signalled

State: TypeAlias = Literal["open", "answered", "over"]
"""An inquiry that is over was not answered: it expired, another answer was enough, or the run has ended."""
DECIDED = ("in_doubt", "limit", PERMISSION)
"""Questions about a step that goes on after the answer, so that the answer alone ends them."""


class Inquiry(Struct, kw_only=True):
    """One question to a person: where it is asked, when, and what was answered. Times are seconds since the epoch.

    One of a run that is `paused` can be answered when the run has been resumed.
    """

    id: str
    run: str
    path: str
    ask: Ask
    since: float
    state: State = "open"
    answer: Answer | None = None
    until: float = 0.0
    paused: bool = False


def inquiries(run: str, records: Iterable[Record]) -> list[Inquiry]:
    """Everything that a run has asked people, the oldest first."""
    found: list[Inquiry] = []
    open_: dict[str, Inquiry] = {}
    answers: dict[str, Answer] = {}
    paused = False
    for record in told(list(records)).records:
        event = record.event
        match event:
            case Asked(path=path, effect=effect) if kind_of(effect) == Ask.kind:
                open_[path] = _inquiry(run, path, _ask(effect), record.time, found)
            case Noted(path=path, fact="asks", about=about, value=[question, choices]) if path not in open_:
                ask = Ask(question, about, tuple(choices))
                open_[path] = _inquiry(run, path, ask, record.time, found)
            case Signalled(kind="answer", about=path, value=value):
                answers[path] = msgspec.convert(value, Answer)
                if path in open_ and open_[path].ask.about in DECIDED:
                    _end(open_.pop(path), "answered", record.time, answers[path])
            case Signalled(kind="pause" | "unpaused" as kind):
                paused = kind == "pause"
            case Settled(path=path, failure=None, value=value) if path in open_:
                _end(open_.pop(path), "answered", record.time, answers.get(path, Answer(value)))
            case Settled(path=path) | Noted(path=path, fact="dropped") if path in open_:
                _end(open_.pop(path), "over", record.time)
            case Closed():
                for inquiry in open_.values():
                    _end(inquiry, "over", record.time)
                open_.clear()
            case _:
                pass
    for inquiry in open_.values():
        inquiry.paused = paused
    return found


def questions(run: str, records: Iterable[Record]) -> dict[str, Inquiry]:
    """The questions that are open, by the path of the step that waits for the answer, the oldest first."""
    return {one.path: one for one in inquiries(run, records) if one.state == "open"}


def _inquiry(run: str, path: str, ask: Ask, time: float, found: list[Inquiry]) -> Inquiry:
    name = digest(encode([run, path, ask.request()])).hex()[:16]
    inquiry = Inquiry(id=f"{run}.{name}", run=run, path=path, ask=ask, since=time)
    if found and found[-1].id == inquiry.id:  # asked again by the next who performs the run
        found.pop()
    found.append(inquiry)
    return inquiry


def _end(inquiry: Inquiry, state: State, time: float, answer: Answer | None = None) -> None:
    inquiry.state, inquiry.until, inquiry.answer = state, time, answer


def _ask(effect: Effect[Any]) -> Ask:
    """A question, also one that a journal remembers."""
    if isinstance(effect, Ask):
        return effect
    question, about, choices, *to = msgspec.msgpack.decode(body_of(effect))
    return Ask(question, about, tuple(choices), *to)
