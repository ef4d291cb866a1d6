"""Who plays in the benchmarks: models and tools that answer at once, and agents around them.

Ours and the hand-written ones are given the same coroutines.
"""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from bench import limits
from coterie.agent import Agent
from coterie.words.message import Message, ToolCall
from coterie.words.usage import Usage

SPENT = Usage(20, 5, 1)
"""What a call costs here: a constant, for neither side counts tokens."""
INSTRUCTIONS = "Answer in one sentence."


async def answers(think: Any) -> Message:
    """A model that answers at once."""
    return Message(sender=think.actor, text="It will rain.", usage=SPENT)


async def looks_up(think: Any) -> Message:
    """A model that uses a tool once, then answers."""
    if think.thread[-1].sender == "user":
        calls = (ToolCall("1", "weather", {"city": "Bern"}),)
        return Message(sender=think.actor, calls=calls, usage=SPENT)
    return Message(sender=think.actor, text="It will rain.", usage=SPENT)


async def dawdles(think: Any) -> Message:
    """A model that takes 20 ms."""
    await asyncio.sleep(0.02)
    return Message(sender=think.actor, text="It will rain.", usage=SPENT)


async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


class WeatherArguments(Struct, forbid_unknown_fields=True):
    """The tool's arguments as the hand-written agent checks them."""

    city: str


def ours(name: str = "writer", model: Any = answers) -> Agent:
    """An agent of Coterie's."""
    return Agent(name, INSTRUCTIONS, model=model)


def theirs(name: str = "writer", model: Any = answers) -> limits.Agent:
    """The same agent by hand."""
    return limits.Agent(name, INSTRUCTIONS, model)


def ours_with_tool() -> Agent:
    """An agent of Coterie's with one tool."""
    return Agent("writer", INSTRUCTIONS, model=looks_up, tools=[weather])


def theirs_with_tool() -> limits.Agent:
    """The same agent by hand."""
    return limits.Agent("writer", INSTRUCTIONS, looks_up, {"weather": (WeatherArguments, weather)})
