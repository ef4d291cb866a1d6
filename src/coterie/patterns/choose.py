"""Choosing: an actor says which of several it wants, and cannot get what is not eligible now.

An agent's answer is held to an enumeration of what is eligible. A wrong choice goes back once with what
is wrong with it; after a second one a deterministic rule of the pattern's decides, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from coterie.actor import Actor
from coterie.agent import Agent, conversation
from coterie.errors import BadOutput
from coterie.kernel.values import to_plain
from coterie.patterns.answers import again
from coterie.patterns.crew import listing
from coterie.typed import parse
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

T = TypeVar("T")
How = Literal["chosen", "repaired", "rule", "only"]
"""How a choice was made: at once, after one repair, by a rule after two wrong ones, or without a choice."""


_TRIES: tuple[How, ...] = ("chosen", "repaired")


class Decision(Struct, Generic[T], frozen=True):
    """What an actor has decided (None: twice wrongly, so a rule has to), how, why not at once, and the talk."""

    value: T | None
    how: How
    why: str
    thread: Thread

    @property
    def said(self) -> Message:
        """What the actor said last."""
        return self.thread[-1]


async def decision(chooser: Actor, task: Task, read: Callable[[Message], T]) -> Decision[T]:
    """What `chooser` decides on `task`, as `read` finds it in its answer; asked again once if that refuses.

    `read` raises `ValueError` or `TypeError` with what is wrong, and the actor is told that.
    """
    asked, problems, thread = task, list[str](), conversation(task)
    for how in _TRIES:
        said = await _answer(chooser, asked)
        thread = conversation(asked).add(said)
        try:
            return Decision(read(said), how, "; ".join(problems), thread)
        except (ValueError, TypeError) as error:
            problems.append(str(error))
            asked = again(asked, said, str(error))
    return Decision(None, "rule", "; ".join(problems), thread)


async def _answer(chooser: Actor, asked: Task) -> Message:
    """What `chooser` says; an answer that does not fit an agent's type comes back as its text."""
    try:
        return await chooser(asked)
    except BadOutput as error:
        if not error.raw:
            raise
        return Message(sender=chooser.name, text=error.raw)


async def choice(chooser: Actor, question: str, task: Task, eligible: Mapping[str, str]) -> Decision[str]:
    """Which name of `eligible` (with what each is for) `chooser` answers `question` about `task` with."""
    text = f'{question}\n{listing(eligible)}\nAnswer with JSON: {{"choice": "...", "why": "..."}}'
    kind = msgspec.defstruct("Choice", [("choice", one_of(eligible)), ("why", str, "")], frozen=True)
    asked = Task(text, conversation(task), task.data)
    return await decision(fitted(chooser, kind), asked, lambda said: name_in(said, eligible))


def fitted(chooser: Actor, kind: Any) -> Actor:
    """`chooser`, if it is an agent, as one whose answer has to be a `kind` at its first try."""
    if not isinstance(chooser, Agent):
        return chooser
    return chooser.like(output=kind, repairs=0, done_when=None)


def one_of(names: Collection[str]) -> Any:
    """The type whose only values are `names`."""
    literal: Any = Literal
    return literal[tuple(names)]


def name_in(said: Message, eligible: Collection[str], field: str = "choice") -> str:
    """The eligible name that a message is: its output, a field of it, JSON in the text, or the bare text.

    Raises:
        ValueError: if it is none; the message lists what is eligible.
    """
    given = fields_in(said)
    name = str(given.get(field, "")) if given is not None else said.text
    if isinstance(said.output, str):
        name = said.output
    return eligible_name(name, eligible)


def eligible_name(name: str, eligible: Collection[str]) -> str:
    """`name` as it is spelt in `eligible`, whatever quotes and case it comes in.

    Raises:
        ValueError: if it is not in there.
    """
    bare = re.sub(r"^[\s\"'`*]+|[\s\"'`*.!]+$", "", name)
    found = [one for one in eligible if one == bare] or [
        one for one in eligible if one.casefold() == bare.casefold()
    ]
    if len(found) != 1:
        raise ValueError(f"{bare[:80]!r} is not eligible; eligible are {list(eligible)}")
    return found[0]


def fields_in(said: Message) -> dict[str, Any] | None:
    """The object that a message's output is, or that its text holds; None if there is none."""
    try:
        if said.output is not None:
            return msgspec.convert(to_plain(said.output), dict[str, Any])
        found: dict[str, Any] = parse(said.text, dict[str, Any])
    except (ValueError, TypeError):  # no object
        return None
    return found
