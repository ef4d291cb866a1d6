"""CrewAI: a crew, with its agents and their tasks, as an actor."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeAlias

from coterie.errors import BadInput
from coterie.interop.guest import Answer, Guest, Turn, called, kit
from coterie.kernel.values import to_plain

Inputs: TypeAlias = Callable[[str], "dict[str, Any]"]
"""What is filled into the descriptions of a crew's tasks, made of what there is to do."""
QUIET = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
}
"""What keeps CrewAI from telling its makers of each run. It is on unless these say otherwise."""


def from_crewai(crew: Any, name: str = "", **options: Any) -> Guest:
    """A crew of CrewAI as an actor; `options` are those of `Guest`, and `inputs`.

    The conversation is filled in for `{task}` in the descriptions of the crew's tasks, or as `inputs` says. Each turn
    is a copy of the crew, so that turns may overlap. What its agents stream is shown if it has `stream=True`.
    Telemetry and traces of CrewAI, which go to its makers by default, are off, unless the environment has them on.

    Raises:
        BadInput: if no task of the crew has a place for what there is to do.
    """
    inputs: Inputs | None = options.pop("inputs", None)
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    if inputs is None and "task" not in crew.fetch_inputs():
        raise BadInput("no task of the crew has {task} in it; put it there, or give `inputs`")

    async def take(turn: Turn) -> Answer:
        said = _conversation(turn)
        events = kit("crewai.events.stream_context", "crewai")
        token = events.add_stream_sink(_Counted(turn))
        try:
            result = await _copied(crew).akickoff(inputs={"task": said} if inputs is None else inputs(said))
        finally:
            events.reset_stream_sinks(token)
        output = result.pydantic or result.json_dict
        return Answer(result.raw, None if output is None else to_plain(output))

    return Guest(called(crew, name, default="crew"), take, framework="crewai", **options)


def _conversation(turn: Turn) -> str:
    """What was said, as one text: a crew is told a task and no conversation."""
    if len(turn.lines) == 1:
        return turn.lines[0].text
    return "\n\n".join(f"You: {line.text}" if line.own else line.text for line in turn.lines)


def _copied(crew: Any) -> Any:
    """A crew to be used once."""
    own = crew.copy()
    own.stream, own.tracing = False, False
    if crew.stream:
        kit("crewai.crews.utils", "crewai").enable_agent_streaming(own.agents)
    return own


class _Counted:
    """Hears what happens in one turn: shows the texts, and counts the costs."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._part = 0

    def __call__(self, source: Any, event: Any) -> None:
        match event.type:
            case "llm_stream_chunk":
                self._turn.say(event.chunk, self._part)
            case "llm_call_completed":
                self._part += 1
                self._spent(event.usage)
            case "tool_usage_finished" | "tool_usage_error":
                self._turn.spend(tool_calls=1)
            case _:
                pass

    def _spent(self, usage: dict[str, Any] | None) -> None:
        metrics = kit("crewai.types.usage_metrics", "crewai").UsageMetrics.from_provider_dict(usage or {})
        if metrics is None:
            self._turn.spend(requests=1)
            return
        self._turn.spend(
            requests=1,
            input_tokens=metrics.prompt_tokens,
            output_tokens=metrics.completion_tokens,
            cache_read_tokens=metrics.cached_prompt_tokens,
        )
