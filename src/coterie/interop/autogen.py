"""AutoGen: an agent or a team of AgentChat as an actor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from coterie.interop.guest import Answer, Guest, Line, Turn, called, kit
from coterie.kernel.values import to_plain


def from_autogen(agent: Any, name: str = "", **options: Any) -> Guest:
    """An agent or a team of AutoGen's AgentChat as an actor; `options` are those of `Guest`.

    AutoGen's agents hold their conversation, so a guest takes one turn at a time, each after a reset. It is told the
    conversation as messages with their sources. What agents stream is shown if they are made with
    `model_client_stream=True`.
    """
    turns: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()

    async def take(turn: Turn) -> Answer:
        own = turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with own:
            await _reset(agent)
            return await _said(turn, agent)

    return Guest(called(agent, name, default="agent"), take, framework="autogen", **options)


async def _reset(agent: Any) -> None:
    """Have an agent or a team forget what it was told."""
    if not hasattr(agent, "on_reset"):
        await agent.reset()
        return
    await agent.on_reset(kit("autogen_core", "autogen-agentchat").CancellationToken())


async def _said(turn: Turn, agent: Any) -> Answer:
    """One run of an agent: its texts shown as they come, its costs counted; gives its last message."""
    token = kit("autogen_core", "autogen-agentchat").CancellationToken()
    last, part = None, 0
    try:
        told = _messages(turn.lines, agent)
        async for event in agent.run_stream(task=told, cancellation_token=token, output_task_messages=False):
            match type(event).__name__:
                case "ModelClientStreamingChunkEvent":
                    turn.say(event.content, part)
                case "TaskResult":
                    last = event.messages[-1]
                case kind:
                    part += 1
                    _count(turn, event, kind)
    finally:
        token.cancel()  # what is over already takes no notice
    if last is None:
        raise RuntimeError("the agent gave no message")
    content = getattr(last, "content", None)
    return Answer(last.to_text(), None if isinstance(content, str) else to_plain(content))


def _count(turn: Turn, event: Any, kind: str) -> None:
    """Count what a message tells of costs: the usage of a request, or how many tools have answered."""
    if kind == "ToolCallExecutionEvent":
        turn.spend(tool_calls=len(event.content))
    if usage := event.models_usage:
        turn.spend(requests=1, input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)


def _messages(lines: Sequence[Line], agent: Any) -> list[Any]:
    messages = kit("autogen_agentchat.messages", "autogen-agentchat")
    own = getattr(agent, "name", "assistant")
    return [messages.TextMessage(content=line.text, source=own if line.own else "user") for line in lines]
