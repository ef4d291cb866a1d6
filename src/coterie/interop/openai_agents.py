"""OpenAI Agents SDK: an agent, with those it hands off to, as an actor."""

from __future__ import annotations

from typing import Any

import msgspec

from coterie.interop.guest import Answer, Guest, Turn, called, kit
from coterie.kernel.values import to_plain


def from_openai_agents(agent: Any, name: str = "", **options: Any) -> Guest:
    """An agent of the OpenAI Agents SDK as an actor; `options` are those of `Guest`.

    `context`, `max_turns` and `run_config` are the SDK's own; without a run configuration its traces, which go to
    OpenAI by default, are off: the journal is the trace.
    """
    own = {key: options.pop(key) for key in ("context", "max_turns", "run_config") if key in options}

    async def take(turn: Turn) -> Answer:
        sdk = kit("agents", "openai-agents")
        settings = {"run_config": sdk.RunConfig(tracing_disabled=True), **own}
        said = [{"role": line.role, "content": line.text} for line in turn.lines]
        result = sdk.Runner.run_streamed(agent, said, **settings)
        try:
            await _said(turn, result)
        finally:
            result.cancel()  # what is over already takes no notice
            _count(turn, result.context_wrapper.usage)
        if result.interruptions:
            raise RuntimeError("the agent waits for approvals, which cannot be given here")
        output = result.final_output
        if isinstance(output, str):
            return Answer(output)
        return Answer(msgspec.json.encode(to_plain(output)).decode(), output)

    return Guest(called(agent, name, default="agent"), take, framework="openai-agents", **options)


async def _said(turn: Turn, result: Any) -> None:
    """Show the texts of a run as they come, and count its tools."""
    part = 0
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            turn.say(event.data.delta, part)
        elif event.type == "run_item_stream_event":
            part += 1
            turn.spend(tool_calls=event.name == "tool_output")


def _count(turn: Turn, usage: Any) -> None:
    details = usage.input_tokens_details
    turn.spend(
        requests=usage.requests,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=getattr(details, "cached_tokens", 0),
    )
