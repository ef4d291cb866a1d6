"""An agent: an actor backed by a model, with tools and a typed answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from coterie.actor import Actor, named
from coterie.check import Check, complaint
from coterie.context import Context
from coterie.errors import BadInput, BadOutput, NoProgress
from coterie.recollect import MemoryTool, Recollect, recollect_of
from coterie.tool import Tool, tool_of
from coterie.toolbox import Toolbox
from coterie.typed import parse, schema_of
from coterie.window import Window, lens_of
from coterie.words.brief import Brief
from coterie.words.effect import Granted, Think
from coterie.words.grant import Grant
from coterie.words.limits import Limits
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

TURNS = 16
"""Model calls an agent may make for one task, unless it says otherwise."""
REPAIRS = 2
"""Times an agent is told what is wrong with its answer, unless it says otherwise."""


class Agent(Actor):
    """An actor backed by a model.

    `model` is a name (`"embedded"`) or a model; without one the run's own is used. `tools` are
    functions with typed signatures: its allow-list. Of those it has what every caller above grants, and
    what it may not use is not shown to its model. `output` is the type of the answer: a msgspec struct, a
    dataclass, a TypedDict or a pydantic model. An answer that does not fit it, or that
    `done_when` finds wanting, goes back with the validator's message at most `repairs` times.
    `turns` bounds the model calls for one task, `limits` what it may use up. `context` decides how
    much of a conversation it is shown; without one, all of it. With `memory` it is told what is remembered
    of its task, and may search and remember (see `Recollect`); the run says in what: `run(..., memory=)`.
    """

    def __init__(
        self,
        name: str,
        instructions: str = "",
        *,
        model: str | Callable[[Think], Awaitable[Message]] | None = None,
        tools: Sequence[Tool | Callable[..., Any]] = (),
        output: Any = None,
        settings: dict[str, Any] | None = None,
        turns: int = TURNS,
        repairs: int = REPAIRS,
        done_when: Check | None = None,
        limits: Limits | None = None,
        context: Context | None = None,
        grant: Grant | None = None,
        memory: Recollect | bool | None = None,
    ) -> None:
        if turns < 1 or repairs < 0:
            raise BadInput(f"agent {name!r}: turns is 1 or more and repairs 0 or more")
        self.name = named(name)
        self.instructions = instructions
        self.model = None if isinstance(model, str) else model
        self.model_name = model if isinstance(model, str) else _model_name(model)
        self.memory = recollect_of(memory)
        own = () if self.memory is None else self.memory.kit()
        given: tuple[Tool | Callable[..., Any], ...] = (*tools, *own)
        self.tools = {made.name: made for made in map(tool_of, given)}
        if len(self.tools) != len(given):
            raise BadInput(f"agent {name!r}: two of its tools have one name")
        self.output = output
        self.turns = turns
        self.repairs = repairs
        self.done_when = done_when
        self.limits = limits
        self.grant = grant
        self.brief = Brief(
            instructions,
            tuple(made.spec for made in self.tools.values()),
            None if output is None or output is str else schema_of(output),
            settings or {},
        )
        self.context = context
        self.lens = None if context is None else lens_of(context, name, self.brief)

    def like(self, **changes: Any) -> Agent:
        """An agent like this one but for `changes`, which are the options of `Agent`."""
        mine: dict[str, Any] = {
            "name": self.name,
            "instructions": self.instructions,
            "model": self.model or self.model_name,
            "tools": tuple(tool for tool in self.tools.values() if not isinstance(tool, MemoryTool)),
            "output": self.output,
            "settings": self.brief.settings,
            "turns": self.turns,
            "repairs": self.repairs,
            "done_when": self.done_when,
            "limits": self.limits,
            "context": self.context,
            "grant": self.grant,
            "memory": self.memory,
        }
        mine.update(changes)
        return Agent(**mine)

    def describe(self) -> Any:
        told = [said for tool in self.tools.values() if (said := tool.describe()) is not None]
        if self.context is not None:
            told.append(self.context.describe())
        if self.memory is not None:
            told.append(self.memory.describe())
        return [self.brief.digest, self.model_name, self.turns, self.repairs, *told]

    @property
    def members(self) -> tuple[Actor, ...]:
        return tuple(member for tool in self.tools.values() for member in tool.members)

    async def play(self, task: Task, /) -> Message:
        thread, brief, lens, tools = conversation(task), self.brief, self.lens, self.tools
        if tools:
            kept = await Granted(tuple(tools.values()))
            if len(kept) < len(tools):
                tools = {one.name: one for one in kept}
                brief = replace(brief, tools=tuple(one.spec for one in kept))
                lens = None if lens is None else replace(lens, brief=brief)
        if self.memory is not None:
            thread = await self.memory.before(thread, task)
        model = (self.model_name, self.model)
        window = None if lens is None else Window(lens, task, len(thread), model)
        box: Toolbox | None = None
        mends = 0
        for _ in range(self.turns):
            prompt = thread
            if window is not None:
                brief, prompt = await window.show(thread)
            reply = await Think(self.name, self.model_name, brief, prompt, self.model)
            if reply.calls:
                box = box or Toolbox(self.name, tools)
                reread = None if window is None else partial(window.reread, thread=thread)
                thread = thread.add(reply, *await box.answers(reply.calls, reread))
                continue
            problem = ""
            if self.output is not None:
                reply, problem = self._typed(reply)
            if not problem and self.done_when is not None:
                problem = await complaint(self.done_when, reply)
                reply = replace(reply, unverified=problem)
            if not problem:
                return reply
            if mends == self.repairs:
                return self._give_up(reply, problem)
            mends += 1
            thread = thread.add(reply, _mend(problem))
        raise NoProgress(f"agent {self.name!r} has not answered after {self.turns} turns")

    def _typed(self, reply: Message) -> tuple[Message, str]:
        """The reply with its typed output, or with what is wrong with it."""
        try:
            return replace(reply, output=parse(reply.text, self.output)), ""
        except (ValueError, TypeError) as error:  # pydantic's and msgspec's validators raise these
            return reply, str(error)

    def _give_up(self, reply: Message, problem: str) -> Message:
        if reply.unverified:
            return reply
        tries = self.repairs + 1
        message = f"agent {self.name!r}: the answer did not fit its type in {tries} tries: {problem}"
        raise BadOutput(message, raw=reply.text)


def _model_name(model: Any) -> str:
    if model is None:
        return "default"
    return str(getattr(model, "name", None) or getattr(model, "__name__", None) or type(model).__name__)


def conversation(task: Task) -> Thread:
    """A task as an agent reads it: its context, then its text."""
    thread = task.context
    if thread is None:
        return Thread((Message(sender="user", text=task.text),))
    return thread.add(Message(sender="user", text=task.text)) if task.text else thread


def _mend(problem: str) -> Message:
    text = f"That answer cannot be used: {problem}\nAnswer again, and mend just that."
    return Message(sender="user", text=text)
