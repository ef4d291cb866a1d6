"""Pairs: a conversation is well-formed when the results of every call stand right after it, each once (P28).

Kills, trims and hand-offs cut conversations anywhere. What providers refuse above all is a call without
its result, a result without its call, and two calls with one id; `flaws` finds these and `healed` mends
them. What else a provider's dialect asks for is the matter of its adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from coterie.words.message import Message, ToolCall
from coterie.words.thread import Thread

LOST = "error: interrupted before there was a result, or the result was left out of this conversation"
"""What a call is answered with whose result is nowhere."""


def flaws(messages: Sequence[Message]) -> list[str]:
    """What is wrong with the calls and results of a conversation, a line each; empty if all is well."""
    found: list[str] = []
    used: set[str] = set()
    due: list[str] = []
    for at, message in enumerate(messages):
        if message.answers:
            if message.answers in due:
                due.remove(message.answers)
            else:
                found.append(
                    f"message {at}: a result of {message.answers!r}, which nobody called just before"
                )
            continue
        found += [f"message {at}: {id!r} has no result before it" for id in due]
        due = [call.id for call in message.calls]
        found += [f"message {at}: the id {id!r} again" for n, id in enumerate(due) if id in {*used, *due[:n]}]
        used.update(due)
    return found + [f"the end: {id!r} has no result" for id in due]


def healed(thread: Thread) -> Thread:
    """`thread` with every call answered right after it, once; itself, if it is that already.

    A lost result is said to be lost, a result without its call is told in words, and a second call of
    one id gets another, with its result. No text is dropped.
    """
    messages = list(thread)
    return thread if not flaws(messages) else Thread(_mended(messages))


def _mended(messages: Sequence[Message]) -> Iterator[Message]:
    taken: set[int] = set()
    used: set[str] = set()
    for at, message in enumerate(messages):
        if at in taken:
            continue
        if message.answers:
            yield replace(message, answers="", text=f"Result of {message.sender}: {message.text}")
        elif message.calls:
            yield from _paired(messages, at, taken, used)
        else:
            yield message


def _paired(messages: Sequence[Message], at: int, taken: set[int], used: set[str]) -> Iterator[Message]:
    """A message that calls, and the result of each of its calls."""
    calls = [_renamed(call, used) for call in messages[at].calls]
    yield replace(messages[at], calls=tuple(calls))
    for was, call in zip(messages[at].calls, calls, strict=True):
        place = _result(messages, at, was.id, taken)
        if place is None:
            yield Message(sender=call.name, text=LOST, answers=call.id)
        else:
            taken.add(place)
            yield replace(messages[place], answers=call.id)


def _renamed(call: ToolCall, used: set[str]) -> ToolCall:
    id, count = call.id, 1
    while not id or id in used:
        count += 1
        id = f"{call.id or 'call'}-{count}"
    used.add(id)
    return call if id == call.id else replace(call, id=id)


def _result(messages: Sequence[Message], at: int, id: str, taken: set[int]) -> int | None:
    """Where the result of a call is: the first of its id after it, before another call of that id."""
    for place in range(at + 1, len(messages)):
        if messages[place].answers == id and place not in taken:
            return place
        if any(call.id == id for call in messages[place].calls):
            return None
    return None
