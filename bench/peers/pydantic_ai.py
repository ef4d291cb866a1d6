"""The workloads in Pydantic AI."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from pydantic_ai import Agent, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")


async def answers(messages: list[Any], info: AgentInfo) -> ModelResponse:
    """A model that answers at once."""
    return ModelResponse([TextPart("It will rain.")])


async def dawdles(messages: list[Any], info: AgentInfo) -> ModelResponse:
    """A model that takes 20 ms."""
    await asyncio.sleep(0.02)
    return ModelResponse([TextPart("It will rain.")])


async def looks_up(messages: list[Any], info: AgentInfo) -> ModelResponse:
    """A model that uses a tool, then answers."""
    if messages[-1].parts[-1].part_kind == "tool-return":
        return ModelResponse([TextPart("It will rain.")])
    return ModelResponse([ToolCallPart("weather", {"city": "Bern"})])


async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


remarks = itertools.count()


async def speaks(messages: list[Any], info: AgentInfo) -> ModelResponse:
    """A model that says something else each time."""
    return ModelResponse([TextPart(f"remark {next(remarks)}")])


writer = Agent(FunctionModel(answers))
clerk = Agent(FunctionModel(looks_up), tools=[weather])
patient = Agent(FunctionModel(dawdles))
line = [Agent(FunctionModel(answers), name=name) for name in STAGES]
table = [Agent(FunctionModel(speaks), name=name) for name in NAMES]


async def call() -> None:
    """One agent, one call."""
    assert (await writer.run("Weather?")).output == "It will rain."


async def use_tool() -> None:
    """One agent, one use of a tool."""
    result = await clerk.run("Weather?")
    assert len(result.all_messages()) == 4


async def pipeline() -> None:
    """Five agents, each of which works on what the one before said."""
    said = "Weather?"
    for agent in line:
        said = (await agent.run(said)).output
    assert said == "It will rain."


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""
    assert len(await asyncio.gather(*(patient.run(f"question {n}") for n in range(1000)))) == 1000


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    said: list[Any] = []
    for turn in range(400):
        said = (await table[turn % 4].run("Go on.", message_history=said)).all_messages()
    assert len(said) == 800
