"""What somebody is asked to do."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from coterie.words.message import Message
from coterie.words.thread import Thread


class Task(Struct, frozen=True, omit_defaults=True):
    """Work for an actor: what to do, the conversation it belongs to, and data if any.

    An agent reads `context` first and `text` last; an empty `text` lets the conversation
    speak for itself. `taint` says where its words came from, if somebody wrote them who is no
    member. The data of a run's own task reaches the play in its JSON shape.
    """

    text: str = ""
    context: Thread | None = None
    data: Any = None
    taint: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def task_of(given: Task | Message | str) -> Task:
    """The task that a string or a message stands for; the files of a message become its context.

    Raises:
        TypeError: if `given` is none of the three.
    """
    if type(given) is Task:
        return given
    if isinstance(given, str):
        return Task(given)
    if isinstance(given, Message):
        files = Thread((Message(sender=given.sender, files=given.files),)) if given.files else None
        return Task(given.text, files, given.output, given.taint)
    raise TypeError(f"a task is a str, a Message or a Task, not {type(given).__name__}")
