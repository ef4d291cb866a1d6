"""A toolbox: what an agent may use for one task, and what comes of the calls that its model makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from coterie.actor import gather
from coterie.approval import cleared
from coterie.context import REREAD
from coterie.errors import BadOutput, EffectFailed
from coterie.kernel.taint import Sources, merged, source_of
from coterie.tool import Tool
from coterie.words.digest import digest
from coterie.words.effect import REPEATS, Mark, Use
from coterie.words.message import Message, ToolCall

Reread: TypeAlias = Callable[[ToolCall], str]
"""What a model gets that asks for something that was left out of its prompt."""
Found: TypeAlias = "dict[str, Any] | str"
"""The arguments of a call as its tool takes them, or what is wrong with the call."""

_NO_NAMES: frozenset[str] = frozenset()


class Toolbox:
    """The tools that `agent` may use for one task, by name.

    Arguments that do not fit go back to the model once, with the validator's message.
    """

    __slots__ = ("_agent", "_bad", "_rounds", "_tools", "_unmarked")

    def __init__(self, agent: str, tools: Mapping[str, Tool]) -> None:
        self._agent = agent
        self._tools = tools
        self._bad = _NO_NAMES
        self._rounds = 0
        self._unmarked: list[tuple[Sequence[ToolCall], list[Message]]] = []

    async def answers(self, calls: Sequence[ToolCall], reread: Reread | None = None) -> list[Message]:
        """What each of a model's `calls` came to, in its order; they run at once.

        `reread` is there if the agent's context can leave something out.

        Raises:
            BadOutput: if arguments are bad that were bad the time before.
        """
        checked = self._checked(calls, reread is not None)
        if len(calls) == 1:
            answers = [await self._answer(calls[0], checked[0], reread)]
        else:
            both = zip(calls, checked, strict=True)
            answers = await gather(*(self._answer(call, found, reread) for call, found in both))
        self._rounds += 1
        self._unmarked.append((calls, answers))
        if self._rounds >= REPEATS:  # fewer cannot repeat themselves so often
            for asked, answered in self._unmarked:
                await Mark(_state(asked, answered))
            self._unmarked.clear()
        return answers

    def _checked(self, calls: Sequence[ToolCall], rereads: bool) -> list[Found]:
        """Each of `calls`, looked at before any of them is made."""
        checked = [{} if rereads and call.name == REREAD.name else self._found(call) for call in calls]
        self._bad = _NO_NAMES
        if str in map(type, checked):
            both = zip(calls, checked, strict=True)
            wrong = {call.name for call, found in both if isinstance(found, str)}
            self._bad = frozenset(wrong & self._tools.keys())
        return checked

    def _found(self, call: ToolCall) -> Found:
        tool = self._tools.get(call.name)
        if tool is None:
            return f"no tool {call.name!r}; there are {sorted(self._tools)}"
        try:
            return tool.checked(call.arguments)
        except ValueError as error:
            if call.name not in self._bad:
                return f"bad arguments: {error}"
            message = f"agent {self._agent!r}: the arguments for {call.name!r} were bad twice: {error}"
            raise BadOutput(message, raw=msgspec.json.encode(call.arguments).decode()) from error

    async def _answer(self, call: ToolCall, found: Found, reread: Reread | None) -> Message:
        """What one tool call came to: its result, or what is wrong with the call."""
        if reread is not None and call.name == REREAD.name:
            return _message(call, reread(call))
        if isinstance(found, str):
            return _message(call, f"error: {found}")
        tool = self._tools[call.name]
        use = Use(tool.name, call.arguments, tool, found)
        try:
            if tool.needs_approval or tool.sensitive:
                use = await _cleared(use, tool)
            value = await tool.using(use, self._tools)
        except EffectFailed as error:
            return _message(call, f"error: {error.message}", taint=source_of(tool, use.arguments))
        return _message(call, tool.told(value), value, taint=source_of(tool, use.arguments))


async def _cleared(use: Use, tool: Tool) -> Use:
    """The use that a person allows, if one has to be asked: perhaps with other arguments."""
    arguments = await cleared(tool, use.arguments)
    return use if arguments is use.arguments else Use(tool.name, arguments, tool)


def _state(calls: Sequence[ToolCall], answers: Sequence[Message]) -> str:
    """Where an agent stands that has made these calls and has these answers."""
    asked = [[call.name, call.arguments] for call in calls]
    state = msgspec.json.encode([asked, [answer.text for answer in answers]]).decode()
    return state if len(state) < 200 else f"{calls[0].name} {hash_of(state)}"


def hash_of(text: str) -> str:
    """A short name for a long text."""
    return digest(text.encode()).hex()[:16]


def _message(call: ToolCall, text: str, value: Any = None, *, taint: Sources = ()) -> Message:
    if type(value) is Message:
        value, taint = value.output, merged(value.taint, taint)
    output = None if isinstance(value, str) else value
    return Message(sender=call.name, text=text, output=output, answers=call.id, taint=taint)
