"""LangGraph: a compiled graph whose state has `messages` as an actor."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from coterie.interop.guest import Answer, Guest, Turn, called, kit


def from_langgraph(graph: Any, name: str = "", **options: Any) -> Guest:
    """A compiled graph as an actor; `options` are those of `Guest`, and `config` is the graph's own.

    The conversation goes in as `messages`, and the last message comes out; a `structured_response` is the output.
    Its model calls and tools are counted wherever in the graph they are, and what its models stream is passed on.
    Each turn is a thread of its own, so a checkpointer of the graph keeps no second truth. An interrupt of the graph
    is `GuestFailed`: let a `Human` or an approval ask instead.
    """
    config: dict[str, Any] = options.pop("config", None) or {}

    async def take(turn: Turn) -> Answer:
        meter = _meter(turn)
        messages = [{"role": line.role, "content": line.text} for line in turn.lines]
        state: dict[str, Any] = {}
        own = {**config.get("configurable", {}), "thread_id": f"coterie-{uuid4()}"}
        settings = {**config, "callbacks": [*config.get("callbacks", ()), meter], "configurable": own}
        async for mode, seen in graph.astream(
            {"messages": messages}, settings, stream_mode=["messages", "values"]
        ):
            if mode == "values":
                state = seen
            elif _is_said(seen[0]):
                turn.say(_text(seen[0].content), meter.part)
        return _answer(state)

    return Guest(called(graph, name, default="graph"), take, framework="langgraph", **options)


def _answer(state: dict[str, Any]) -> Answer:
    if asked := state.get("__interrupt__"):
        raise RuntimeError(f"the graph asks a person, which it cannot do here: {asked[0].value}")
    return Answer(_text(state["messages"][-1].content), state.get("structured_response"))


def _is_said(message: Any) -> bool:
    return message.type in ("ai", "AIMessageChunk")


def _text(content: Any) -> str:
    """The text of a message's content: a string, or blocks of which some are text."""
    if isinstance(content, str):
        return content
    return "".join(one if isinstance(one, str) else one.get("text", "") for one in content)


def _meter(turn: Turn) -> Any:
    """A callback handler that counts what the models and tools of a graph cost."""
    callbacks = kit("langchain_core.callbacks", "langgraph")

    class Meter(callbacks.AsyncCallbackHandler):  # type: ignore[misc,name-defined]
        """Counts each model call and each tool that has ended."""

        part = 0

        async def on_llm_end(self, response: Any, **more: Any) -> None:
            found = getattr(response.generations[0][0], "message", None)
            usage: dict[str, Any] = getattr(found, "usage_metadata", None) or {}
            self.part += 1
            turn.spend(
                requests=1,
                input_tokens=usage.get("input_tokens"),
                output_tokens=usage.get("output_tokens"),
                cache_read_tokens=usage.get("input_token_details", {}).get("cache_read"),
            )

        async def on_tool_end(self, output: Any, **more: Any) -> None:
            turn.spend(tool_calls=1)

    return Meter()
