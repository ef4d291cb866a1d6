"""Pydantic AI: an agent as an actor."""

from __future__ import annotations

from typing import Any

import msgspec

from coterie.interop.guest import Answer, Guest, Turn, called, kit
from coterie.kernel.values import to_plain


def from_pydantic_ai(agent: Any, name: str = "", **options: Any) -> Guest:
    """A Pydantic AI agent as an actor; `options` are those of `Guest`, and `deps` are the agent's own.

    What it said before becomes its message history. A typed output is the message's `output`, and its JSON the text.
    """
    deps = options.pop("deps", None)

    async def take(turn: Turn) -> Answer:
        usage = kit("pydantic_ai.usage", "pydantic-ai-slim").RunUsage()
        *before, last = turn.lines
        history = _history(before)
        try:
            async with agent.run_stream_events(
                last.text, message_history=history, deps=deps, usage=usage
            ) as events:
                output = await _said(turn, events)
        finally:
            turn.spend(
                requests=usage.requests,
                tool_calls=usage.tool_calls,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cache_read_tokens,
                cache_write_tokens=usage.cache_write_tokens,
            )
        if isinstance(output, str):
            return Answer(output)
        return Answer(msgspec.json.encode(to_plain(output)).decode(), output)

    return Guest(called(agent, name, default="agent"), take, framework="pydantic-ai", **options)


async def _said(turn: Turn, events: Any) -> Any:
    """Show the texts of a run as they come; gives its output."""
    output, part = None, 0
    async for event in events:
        match event.event_kind:
            case "part_start" if event.part.part_kind == "text":
                part += 1
                turn.say(event.part.content, part)
            case "part_delta" if event.delta.part_delta_kind == "text":
                turn.say(event.delta.content_delta, part)
            case "agent_run_result":
                output = event.result.output
            case _:
                pass
    return output


def _history(lines: list[Any]) -> list[Any]:
    messages = kit("pydantic_ai.messages", "pydantic-ai-slim")
    return [
        messages.ModelResponse(parts=[messages.TextPart(content=line.text)])
        if line.own
        else messages.ModelRequest(parts=[messages.UserPromptPart(content=line.text)])
        for line in lines
    ]
