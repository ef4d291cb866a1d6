"""Checks: what "done" means for a piece of work, and what is wrong where it is not."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.typed import parse
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

Verdict: TypeAlias = "bool | str | None"
"""What a predicate says: True or None for good, False or a complaint for bad."""
Check: TypeAlias = "Callable[[Message], Verdict | Awaitable[Verdict]] | Actor | type"
"""A predicate on the message (async ones may use effects), an actor that answers `ok` or a
complaint, or a type that the text has to fit."""


async def checked(check: Check, message: Message, context: Thread | None = None) -> Message:
    """`message` with what `check` finds wrong as `unverified`; typed, where `check` is a type it fits."""
    problem = await complaint(check, message, context)
    if problem or not isinstance(check, type) or isinstance(message.output, check):
        return replace(message, unverified=problem)
    return replace(message, unverified="", output=parse(message.text, check))


async def complaint(check: Check, message: Message, context: Thread | None = None) -> str:
    """What `check` finds wrong with `message`; empty if nothing. An actor is shown `context` too."""
    if isinstance(check, Actor):
        said = await check(Task(message.text, context, message.output))
        return "" if agrees(said) else said.text.strip()
    if isinstance(check, type):
        return _of_type(check, message)
    found = check(message)
    verdict = await found if inspect.isawaitable(found) else found
    if verdict is None or verdict is True:
        return ""
    return verdict if isinstance(verdict, str) else f"{label(check)} does not hold"


def agrees(answer: Message) -> bool:
    """Whether an actor that was asked about a piece of work found nothing wrong with it."""
    return answer.text.strip().rstrip(".!").lower() in ("ok", "yes", "none", "accept", "accepted")


def _of_type(check: type, message: Message) -> str:
    if isinstance(message.output, check):
        return ""
    try:
        parse(message.text, check)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def label(check: Any) -> str:
    """What a check, or any function or actor, is called."""
    name = getattr(check, "name", None) or getattr(check, "__name__", type(check).__name__)
    return str(name)
