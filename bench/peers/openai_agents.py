"""The workloads in the OpenAI Agents SDK."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")
QUIET = RunConfig(tracing_disabled=True)


def text(said: str) -> Any:
    """What a model says, as the API has it."""
    part = ResponseOutputText(type="output_text", text=said, annotations=[])
    return ResponseOutputMessage(id="m", type="message", role="assistant", status="completed", content=[part])


class Fake(Model):
    """A model that says what `says` makes of its input, after `delay` seconds."""

    def __init__(
        self, says: Callable[[Any], Any] = lambda input: text("It will rain."), delay: float = 0
    ) -> None:
        self.says, self.delay = says, delay

    async def get_response(
        self, system_instructions: Any, input: Any, *args: Any, **more: Any
    ) -> ModelResponse:
        if self.delay:
            await asyncio.sleep(self.delay)
        return ModelResponse(output=[self.says(input)], usage=Usage(requests=1), response_id=None)

    def stream_response(self, *args: Any, **more: Any) -> AsyncIterator[Any]:
        raise NotImplementedError


def looks_up(input: Any) -> Any:
    """Use a tool, then answer."""
    if input[-1].get("type") == "function_call_output":
        return text("It will rain.")
    return ResponseFunctionToolCall(
        type="function_call", call_id="1", id="1", name="weather", arguments='{"city": "Bern"}'
    )


@function_tool
async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


remarks = itertools.count()
speaks = Fake(lambda input: text(f"remark {next(remarks)}"))
writer = Agent("writer", model=Fake())
clerk = Agent("clerk", model=Fake(looks_up), tools=[weather])
# One agent each: what a run costs grows with the runs that share an agent.
crowd = [Agent(f"patient {n}", model=Fake(delay=0.02)) for n in range(1000)]
line = [Agent(name, model=Fake()) for name in STAGES]
table = [Agent(name, model=speaks) for name in NAMES]


async def call() -> None:
    """One agent, one call."""
    assert (await Runner.run(writer, "Weather?", run_config=QUIET)).final_output == "It will rain."


async def use_tool() -> None:
    """One agent, one use of a tool."""
    assert len((await Runner.run(clerk, "Weather?", run_config=QUIET)).new_items) == 3


async def pipeline() -> None:
    """Five agents, each of which works on what the one before said."""
    said: Any = "Weather?"
    for agent in line:
        said = (await Runner.run(agent, said, run_config=QUIET)).to_input_list()
    assert len(said) == 6


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""
    runs = (Runner.run(one, f"question {n}", run_config=QUIET) for n, one in enumerate(crowd))
    said = await asyncio.gather(*runs)
    assert len(said) == 1000


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    said: Any = [{"role": "user", "content": "Talk."}]
    for turn in range(400):
        said = (await Runner.run(table[turn % 4], said, run_config=QUIET)).to_input_list()
    assert len(said) == 401
