"""Checks: what "done" means for a piece of work, and what is wrong where it is not."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from coterie.actor import Actor
from coterie.typed import parse
from coterie.words.message import Message
from coterie.words.task import Task

Verdict: TypeAlias = "bool | str | None"
"""What a predicate says: True or None for good, False or a complaint for bad."""
Check: TypeAlias = "Callable[[Message], Verdict | Awaitable[Verdict]] | Actor | type"
"""A predicate on the message (async ones may use effects), an actor that answers `ok` or a
complaint, or a type that the text has to fit."""


async def complaint(check: Check, message: Message) -> str:
    """What `check` finds wrong with `message`; empty if nothing."""
    if isinstance(check, Actor):
        return await _of_actor(check, message)
    if isinstance(check, type):
        return _of_type(check, message)
    said = check(message)
    verdict = await said if inspect.isawaitable(said) else said
    if verdict is None or verdict is True:
        return ""
    return verdict if isinstance(verdict, str) else f"{_name(check)} does not hold"


async def _of_actor(check: Actor, message: Message) -> str:
    answer = await check(Task(message.text, data=message.output))
    said = answer.text.strip()
    return "" if said.rstrip(".").lower() in ("ok", "yes", "none", "accept", "accepted") else said


def _of_type(check: type, message: Message) -> str:
    if isinstance(message.output, check):
        return ""
    try:
        parse(message.text, check)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


def _name(check: Any) -> str:
    return str(getattr(check, "__name__", type(check).__name__))
