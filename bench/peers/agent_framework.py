"""The workloads in the Microsoft Agent Framework."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    Content,
    FunctionInvocationLayer,
    Message,
    WorkflowBuilder,
)

NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")


class Client(FunctionInvocationLayer, BaseChatClient):
    """A model that says what `says` makes of its messages, after `delay` seconds."""

    def __init__(self, says: Callable[[Any], Content] | None = None, delay: float = 0) -> None:
        super().__init__()
        self.says = says or (lambda messages: Content.from_text("It will rain."))
        self.delay = delay

    def _inner_get_response(self, *, messages: Any, stream: bool, options: Any, **more: Any) -> Any:
        async def whole() -> ChatResponse:
            if self.delay:
                await asyncio.sleep(self.delay)
            return ChatResponse(messages=[Message("assistant", [self.says(messages)])])

        return whole()


def looks_up(messages: Any) -> Content:
    """Use a tool, then answer."""
    if any(part.type == "function_result" for part in messages[-1].contents):
        return Content.from_text("It will rain.")
    return Content.from_function_call("1", "weather", arguments={"city": "Bern"})


async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


remarks = itertools.count()
speaks = Client(lambda messages: Content.from_text(f"remark {next(remarks)}"))
writer = Agent(Client(), name="writer")
clerk = Agent(Client(looks_up), name="clerk", tools=[weather])
patient = Agent(Client(delay=0.02), name="patient")
stages = [Agent(Client(), name=name) for name in STAGES]
line = WorkflowBuilder(start_executor=stages[0]).add_chain(stages).build()
table = [Agent(speaks, name=name) for name in NAMES]


async def call() -> None:
    """One agent, one call."""
    assert (await writer.run("Weather?")).text == "It will rain."


async def use_tool() -> None:
    """One agent, one use of a tool."""
    said = await clerk.run("Weather?")
    assert len(said.messages) == 3


async def pipeline() -> None:
    """Five agents, each of which works on what the one before said."""
    assert len((await line.run("Weather?")).get_outputs()) >= 1


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""
    assert len(await asyncio.gather(*(patient.run(f"question {n}") for n in range(1000)))) == 1000


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    said = [Message("user", ["Talk."])]
    for turn in range(400):
        said += (await table[turn % 4].run(said)).messages
    assert len(said) == 401
