"""The workloads in CrewAI."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.update(CREWAI_DISABLE_TELEMETRY="true", CREWAI_TRACING_ENABLED="false", CREWAI_TESTING="true")

from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool

NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")
ANSWER = "Thought: I know.\nFinal Answer: It will rain."


class Model(BaseLLM):
    """A model that says what `says` makes of its messages, after `delay` seconds; CrewAI asks it in a thread."""

    says: Callable[[Any], str] = lambda messages: ANSWER
    delay: float = 0.0

    def call(self, messages: Any, *args: Any, **more: Any) -> str:
        if self.delay:
            time.sleep(self.delay)
        return self.says(messages)


def looks_up(messages: Any) -> str:
    """Use a tool, then answer."""
    if any("rain in Bern" in one["content"] for one in messages):
        return ANSWER
    return 'Thought: I look.\nAction: weather\nAction Input: {"city": "Bern"}'


@tool("weather")
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


def agent(name: str, model: Model, **more: Any) -> Agent:
    """An agent."""
    return Agent(role=name, goal="Tell the weather.", backstory="", llm=model, **more)


def crew(*agents: Agent, ask: str = "Weather?") -> Crew:
    """A crew in which each has one task, and is shown what those before it said."""
    tasks = [Task(description=ask, expected_output="A sentence.", agent=one) for one in agents]
    return Crew(agents=list(dict.fromkeys(agents)), tasks=tasks)


remarks = itertools.count()
speaks = Model(model="fake", says=lambda messages: f"Thought: so.\nFinal Answer: remark {next(remarks)}")
writer = crew(agent("writer", Model(model="fake")))
clerk = crew(agent("clerk", Model(model="fake", says=looks_up), tools=[weather]))
line = crew(*(agent(name, Model(model="fake")) for name in STAGES))
patient = crew(agent("patient", Model(model="fake", delay=0.02)), ask="Question {n}")
table = [agent(name, speaks) for name in NAMES]


async def call() -> None:
    """One agent, one call."""
    assert (await writer.akickoff()).raw == "It will rain."


async def use_tool() -> None:
    """One agent, one use of a tool."""
    assert (await clerk.akickoff()).raw == "It will rain."


async def pipeline() -> None:
    """Five agents, each of which works on what those before it said."""
    assert len((await line.akickoff()).tasks_output) == 5


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""
    assert len(await patient.akickoff_for_each([{"n": str(n)} for n in range(1000)])) == 1000


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    said = crew(*(table[turn % 4] for turn in range(400)), ask="Talk.")
    assert len((await said.akickoff()).tasks_output) == 400
