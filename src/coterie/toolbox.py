"""A toolbox: what an agent may use for one task, and what comes of the calls that its model makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from coterie.actor import gather
from coterie.approval import cleared
from coterie.context import REREAD
from coterie.errors import BadOutput, EffectFailed
from coterie.kernel.taint import Sources, merged, source_of
from coterie.tool import Tool
from coterie.words.digest import digest
from coterie.words.effect import REPEATS, Mark
from coterie.words.grant import Grant, exactly
from coterie.words.message import Message, ToolCall

Reread: TypeAlias = Callable[[ToolCall], str]
"""What a model gets that asks for something that was left out of its prompt."""

_NO_NAMES: frozenset[str] = frozenset()


class Toolbox:
    """The tools that `agent` may use for one task, by name.

    Arguments that do not fit go back to the model once, with the validator's message.
    """

    __slots__ = ("_agent", "_bad", "_grant", "_rounds", "_tools", "_unmarked")

    def __init__(self, agent: str, tools: Mapping[str, Tool]) -> None:
        self._agent = agent
        self._tools = tools
        self._grant = _all_of(tuple(tools))
        self._bad = _NO_NAMES
        self._rounds = 0
        self._unmarked: list[tuple[Sequence[ToolCall], list[Message]]] = []

    async def answers(self, calls: Sequence[ToolCall], reread: Reread | None = None) -> list[Message]:
        """What each of a model's `calls` came to, in its order; they run at once.

        `reread` is there if the agent's context can leave something out.

        Raises:
            BadOutput: if arguments are bad that were bad the time before.
        """
        problems = self._problems(calls, reread is not None)
        if len(calls) == 1:
            answers = [await self._answer(calls[0], problems[0], reread)]
        else:
            both = zip(calls, problems, strict=True)
            answers = await gather(*(self._answer(call, why, reread) for call, why in both))
        self._rounds += 1
        self._unmarked.append((calls, answers))
        if self._rounds >= REPEATS:  # fewer cannot repeat themselves so often
            for asked, answered in self._unmarked:
                await Mark(_state(asked, answered))
            self._unmarked.clear()
        return answers

    def _problems(self, calls: Sequence[ToolCall], rereads: bool) -> list[str]:
        """What is wrong with each of `calls`, before any of them is made; empty where nothing is."""
        problems = ["" if rereads and call.name == REREAD.name else self._problem(call) for call in calls]
        self._bad = _NO_NAMES
        if any(problems):
            both = zip(calls, problems, strict=True)
            self._bad = frozenset(call.name for call, why in both if why and call.name in self._tools)
        return problems

    def _problem(self, call: ToolCall) -> str:
        found = self._tools.get(call.name)
        if found is None:
            return f"no tool {call.name!r}; there are {sorted(self._tools)}"
        try:
            found.checked(call.arguments)
        except ValueError as error:
            if call.name not in self._bad:
                return f"bad arguments: {error}"
            message = f"agent {self._agent!r}: the arguments for {call.name!r} were bad twice: {error}"
            raise BadOutput(message, raw=msgspec.json.encode(call.arguments).decode()) from error
        return ""

    async def _answer(self, call: ToolCall, problem: str, reread: Reread | None) -> Message:
        """What one tool call came to: its result, or what is wrong with the call."""
        if reread is not None and call.name == REREAD.name:
            return _message(call, reread(call))
        if problem:
            return _message(call, f"error: {problem}")
        found = self._tools[call.name]
        arguments = call.arguments
        try:
            if found.needs_approval or found.sensitive:
                arguments = await cleared(found, arguments)
            value = await found.using(arguments, self._grant)
        except EffectFailed as error:
            return _message(call, f"error: {error.message}", taint=source_of(found, arguments))
        return _message(call, found.told(value), value, taint=source_of(found, arguments))


@lru_cache(maxsize=1024)
def _all_of(tools: tuple[str, ...]) -> Grant:
    """The grant of tools by name; an agent asks for the same one at every task."""
    return Grant(tuple(map(exactly, tools)))


def _state(calls: Sequence[ToolCall], answers: Sequence[Message]) -> str:
    """Where an agent stands that has made these calls and has these answers."""
    asked = [[call.name, call.arguments] for call in calls]
    state = msgspec.json.encode([asked, [answer.text for answer in answers]]).decode()
    return state if len(state) < 200 else f"{calls[0].name} {hash_of(state)}"


def hash_of(text: str) -> str:
    """A short name for a long text."""
    return digest(text.encode()).hex()[:16]


def _message(call: ToolCall, text: str, value: Any = None, *, taint: Sources = ()) -> Message:
    if isinstance(value, Message):
        value, taint = value.output, merged(value.taint, taint)
    output = None if isinstance(value, str) else value
    return Message(sender=call.name, text=text, output=output, answers=call.id, taint=taint)
