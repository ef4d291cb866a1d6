"""The workloads in Google's Agent Development Kit."""

from __future__ import annotations

import asyncio
import itertools
import logging
import warnings
from collections.abc import AsyncGenerator, Callable
from functools import cache
from typing import Any

from google.adk.agents import BaseAgent, LlmAgent, LoopAgent, ParallelAgent, SequentialAgent
from google.adk.agents.run_config import RunConfig
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import InMemoryRunner
from google.genai import types

warnings.simplefilter("ignore")
NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")
logging.getLogger("google_adk").setLevel(logging.ERROR)


def text(said: str) -> types.Part:
    """What a model says."""
    return types.Part(text=said)


class Model(BaseLlm):
    """A model that says what `says` makes of its contents, after `delay` seconds."""

    model: str = "fake"
    says: Callable[[Any], types.Part] = lambda contents: text("It will rain.")
    delay: float = 0.0

    async def generate_content_async(
        self, llm_request: Any, stream: bool = False
    ) -> AsyncGenerator[LlmResponse]:
        if self.delay:
            await asyncio.sleep(self.delay)
        said = self.says(llm_request.contents)
        yield LlmResponse(content=types.Content(role="model", parts=[said]))


def looks_up(contents: Any) -> types.Part:
    """Use a tool, then answer."""
    if contents[-1].parts[-1].function_response:
        return text("It will rain.")
    return types.Part(function_call=types.FunctionCall(id="1", name="weather", args={"city": "Bern"}))


async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


remarks = itertools.count()
speaks = Model(says=lambda contents: text(f"remark {next(remarks)}"))
writer = LlmAgent(name="writer", model=Model())
clerk = LlmAgent(name="clerk", model=Model(says=looks_up), tools=[weather])
line = SequentialAgent(name="line", sub_agents=[LlmAgent(name=name, model=Model()) for name in STAGES])
speakers: list[BaseAgent] = [LlmAgent(name=name, model=speaks) for name in NAMES]
table = LoopAgent(name="table", sub_agents=speakers, max_iterations=100)


@cache
def crowd() -> ParallelAgent:
    """A thousand agents."""
    agents: list[BaseAgent] = [LlmAgent(name=f"writer_{n}", model=Model(delay=0.02)) for n in range(1000)]
    return ParallelAgent(name="crowd", sub_agents=agents)


async def events(agent: BaseAgent, said: str) -> list[Any]:
    """What happens when an agent is told something, in a session of its own."""
    runner = InMemoryRunner(agent, app_name="bench")
    session = await runner.session_service.create_session(app_name="bench", user_id="me")
    told = types.Content(role="user", parts=[text(said)])
    many = RunConfig(max_llm_calls=2_000)
    whose = {"user_id": "me", "session_id": session.id}
    return [one async for one in runner.run_async(**whose, new_message=told, run_config=many)]


async def call() -> None:
    """One agent, one call."""
    assert len(await events(writer, "Weather?")) == 1


async def use_tool() -> None:
    """One agent, one use of a tool."""
    assert len(await events(clerk, "Weather?")) == 3


async def pipeline() -> None:
    """Five agents, each of which works on what the one before said."""
    assert len(await events(line, "Weather?")) == 5


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""
    assert len(await events(crowd(), "go")) == 1000


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    assert len(await events(table, "Talk.")) == 400
