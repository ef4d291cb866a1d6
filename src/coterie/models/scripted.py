"""A model that says what it is told to: for tests, demos and dry runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, cast

import msgspec

from coterie.errors import BadInput, ModelFailed
from coterie.kernel.values import to_plain
from coterie.words.delta import Delta, Tell
from coterie.words.effect import Think
from coterie.words.message import Message, ToolCall
from coterie.words.usage import Usage

Said: TypeAlias = Any
"""One line: a str, a `Message`, a `ToolCall` or several, any value (said as JSON), or an exception."""
Script: TypeAlias = "str | Iterable[Said] | Callable[[Think], Said] | Mapping[str, Any]"


class Scripted:
    """Says a list line by line, or what a function makes of each `Think`; a mapping holds one
    script per agent, under its name or `"*"`.

    Tokens are counted as one for four letters, so that usage is never zero by accident.
    """

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self._scripts: dict[str, Callable[[Think], Said]] = {}
        self._line: Callable[[Think], Said] = self._by_name
        if isinstance(script, Mapping):
            scripts = cast("Mapping[str, Any]", script)
            self._scripts = {name: _line(part, name) for name, part in scripts.items()}
        else:
            self._line = _line(script, "*")

    async def __call__(self, think: Think, /) -> Message:
        said = self._line(think)
        if isinstance(said, BaseException):
            raise said
        if type(said) is Message:
            return said
        text, calls = _spoken(said)
        return Message(sender=think.actor, text=text, calls=calls, usage=_usage(think, text))

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The same, told word by word; the arguments of a call are told as one."""
        message = await self(think)
        for word in re.findall(r"\s*\S+\s*", message.text):
            tell(Delta(word))
            await asyncio.sleep(0)
        for part, call in enumerate(message.calls, 1):
            tell(Delta(msgspec.json.encode(call.arguments).decode(), "call", part, call.name))
        return message

    def _by_name(self, think: Think) -> Said:
        script = self._scripts.get(think.actor) or self._scripts.get("*")
        if script is None:
            raise BadInput(f"the script has no lines for {think.actor!r}, only for {sorted(self._scripts)}")
        return script(think)


def scripted(script: Script) -> Scripted:
    """A model that follows `script`: a list of lines, a function of `Think`, or either per agent."""
    return Scripted(script)


def _line(script: Any, name: str) -> Callable[[Think], Said]:
    if callable(script):
        made: Callable[[Think], Said] = script
        return made
    if isinstance(script, str):
        return lambda _: script
    lines = iter(script)

    def following(think: Think) -> Said:
        try:
            return next(lines)
        except StopIteration:
            raise ModelFailed(f"the script of {name!r} has no line left for {think.actor!r}") from None

    return following


def _spoken(said: Said) -> tuple[str, tuple[ToolCall, ...]]:
    if isinstance(said, str):
        return said, ()
    if isinstance(said, ToolCall):
        return "", (said,)
    if isinstance(said, (list, tuple)):
        calls = [part for part in cast("list[object]", said) if isinstance(part, ToolCall)]
        if calls and len(calls) == len(cast("list[object]", said)):
            return "", tuple(calls)
    return msgspec.json.encode(to_plain(said)).decode(), ()


def _usage(think: Think, text: str) -> Usage:
    last = len(think.thread[-1].text) if len(think.thread) else 0
    return Usage(1 + last // 4, 1 + len(text) // 4, 1)
