"""A thread as turns that every provider accepts, whatever was cut out of it (promise P28).

The dialects of chat differ, and each refuses a request that breaks one of its rules. What is here
keeps all of them at once:

1. Turns alternate, and the first and the last are the user's.
2. A call of ours is answered in the turn after it, before anything else there, and only once. One whose
   answer is lost (the run was killed, the thread was trimmed) is answered by saying so.
3. An answer to no call is told in words, and so is what other actors say, call and hear from tools.
4. Without tools in the brief nothing is a call: all of it is told in words.
5. No two calls have one id, and each id is of 1 to 40 letters, digits, `_` and `-`.
6. Nothing is empty.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from msgspec import Struct

from coterie.words.effect import Think
from coterie.words.fence import quoted
from coterie.words.message import File, Message, Thought, ToolCall

LOST = "error: this call has no result: it was interrupted, or the result is no longer in the conversation"
"""What a call is answered with whose answer is nowhere."""
BEGIN = "(The conversation begins.)"
"""What the user is taken to have said before an actor that speaks first."""
GO_ON = "(Go on.)"
"""What the user is taken to have said after an actor that spoke last."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Heard(Struct, frozen=True):
    """What somebody else said."""

    text: str
    files: tuple[File, ...] = ()


class Answer(Struct, frozen=True):
    """What a tool answered to a call of ours."""

    id: str
    tool: str
    text: str
    files: tuple[File, ...] = ()


class Said(Struct, frozen=True):
    """What the actor said itself, and which tools it called."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[Thought, ...] = ()


Part: TypeAlias = Heard | Answer | Said


class Turn(Struct, frozen=True):
    """Parts that one side said in a row; `own` is the side of the actor who asks."""

    own: bool
    parts: tuple[Part, ...]


def turns(think: Think) -> list[Turn]:
    """The turns of a request; at least one."""
    parts = list(_Reading(think).parts())
    found = [Turn(own, tuple(group)) for own, group in groupby(parts, key=lambda part: type(part) is Said)]
    if not found or found[0].own:
        found.insert(0, Turn(False, (Heard(BEGIN),)))
    if found[-1].own:
        found.append(Turn(False, (Heard(GO_ON),)))
    return found


class _Reading:
    """One reading of a thread, from its first message to its last."""

    def __init__(self, think: Think) -> None:
        self._actor = think.actor
        self._messages = list(think.thread)
        self._calling = bool(think.brief.tools)
        self._ids: set[str] = set()
        self._taken: set[int] = set()

    def parts(self) -> Iterator[Part]:
        """What was said, in an order in which answers follow their calls."""
        for at, message in enumerate(self._messages):
            if at in self._taken:
                continue
            if message.sender == self._actor and not message.answers:
                yield from self._own(at, message)
            else:
                yield from _told(self._in_words(at, message), message.files)

    def _own(self, at: int, message: Message) -> Iterator[Part]:
        if not message.calls:
            yield from [Said(message.text, (), message.thoughts)] if message.text.strip() else []
            return
        if not self._calling:
            words = [message.text, *map(_call, message.calls)]
            yield Said("\n".join(word for word in words if word.strip()))
            return
        calls = tuple(self._named(call) for call in message.calls)
        yield Said(message.text, calls, message.thoughts)
        for call, was in zip(calls, message.calls, strict=True):
            found = self._answer(at, was.id)
            text, files = (LOST, ()) if found is None else (quoted(found), found.files)
            yield Answer(call.id, call.name, text, files)

    def _named(self, call: ToolCall) -> ToolCall:
        """The call under an id that no other has."""
        name = call.id if _ID.fullmatch(call.id) and call.id not in self._ids else ""
        count = len(self._ids)
        while not name or name in self._ids:
            count += 1
            name = f"call_{count}"
        self._ids.add(name)
        return ToolCall(name, call.name, call.arguments)

    def _answer(self, at: int, id: str) -> Message | None:
        """The first answer to a call after it was made, unless the id has been given to another by then."""
        for later in range(at + 1, len(self._messages)):
            message = self._messages[later]
            if message.answers == id and later not in self._taken:
                self._taken.add(later)
                return message
            if message.sender == self._actor and any(call.id == id for call in message.calls):
                return None
        return None

    def _in_words(self, at: int, message: Message) -> str:
        """What somebody else said, or what a tool answered to a call that is not shown as one."""
        if message.answers:
            return f"Result of {self._tool(at, message)}: {quoted(message)}"
        calls = "\n".join(map(_call, message.calls))
        text = "\n".join(one for one in (message.text, calls) if one.strip())
        return text if message.sender == "user" or not text else f"{message.sender}: {text}"

    def _tool(self, at: int, message: Message) -> str:
        for earlier in reversed(self._messages[:at]):
            for call in earlier.calls:
                if call.id == message.answers:
                    return call.name
        return message.sender


def _told(text: str, files: Sequence[File]) -> Iterator[Heard]:
    if text.strip() or files:
        yield Heard(text, tuple(files))


def _call(call: ToolCall) -> str:
    return f"(calls {call.name} with {json.dumps(call.arguments, ensure_ascii=False)})"
