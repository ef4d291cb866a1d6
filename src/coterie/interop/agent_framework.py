"""Microsoft Agent Framework: an agent as an actor."""

from __future__ import annotations

from typing import Any

from coterie.interop.guest import Answer, Guest, Turn, called, kit


def from_agent_framework(agent: Any, name: str = "", **options: Any) -> Guest:
    """An agent of the Microsoft Agent Framework as an actor; `options` are those of `Guest`.

    Each turn is given the whole conversation as messages, with no session of the framework's. A typed value of the
    response is the message's `output`.
    """

    async def take(turn: Turn) -> Answer:
        message = kit("agent_framework", "agent-framework-core").Message
        stream = agent.run([message(line.role, [line.text]) for line in turn.lines], stream=True)
        part = 0
        async for update in stream:
            for content in update.contents:
                if content.type == "text":
                    turn.say(content.text or "", part)
                else:
                    part += 1
                    _count(turn, content)
        response = await stream.get_final_response()
        last = response.messages[-1].text if response.messages else ""
        return Answer(last, response.value)

    return Guest(called(agent, name, default="agent"), take, framework="agent-framework", **options)


def _count(turn: Turn, content: Any) -> None:
    """Count what a content tells of costs: the usage of a request, or the result of a tool."""
    if content.type == "function_result":
        turn.spend(tool_calls=1)
    elif content.type == "usage":
        usage = content.usage_details
        turn.spend(
            requests=1,
            input_tokens=usage.get("input_token_count"),
            output_tokens=usage.get("output_token_count"),
            cache_read_tokens=usage.get("cache_read_input_token_count"),
            cache_write_tokens=usage.get("cache_creation_input_token_count"),
        )
