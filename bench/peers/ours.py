"""The workloads in Coterie."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from pathlib import Path

from coterie import Agent, Message, Task, Team, gather, run, tool
from coterie.patterns import chat as chats
from coterie.patterns import pipeline as pipelines
from coterie.stores import SqliteStore
from coterie.words.effect import Think, Use
from coterie.words.message import ToolCall

NAMES = ("ada", "bob", "cy", "dee")
STAGES = ("one", "two", "three", "four", "five")


async def answers(think: Think) -> Message:
    """A model that answers at once."""
    return Message(sender=think.actor, text="It will rain.")


async def dawdles(think: Think) -> Message:
    """A model that takes 20 ms."""
    await asyncio.sleep(0.02)
    return Message(sender=think.actor, text="It will rain.")


async def looks_up(think: Think) -> Message:
    """A model that uses a tool, then answers."""
    if think.thread[-1].answers:
        return Message(sender=think.actor, text="It will rain.")
    return Message(sender=think.actor, calls=(ToolCall("1", "weather", {"city": "Bern"}),))


@tool(idempotent=True)
async def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


WRITER = Agent("writer")
CLERK = Agent("clerk", tools=[weather])
LINE = pipelines(*map(Agent, STAGES))
TABLE = chats(*map(Agent, NAMES), turns=400)


async def call() -> None:
    """One agent, one call."""
    assert (await WRITER.run("Weather?", model=answers)).text == "It will rain."


async def use_tool() -> None:
    """One agent, one use of a tool."""
    result = await CLERK.run("Weather?", model=looks_up)
    assert (result.text, result.usage.tool_calls) == ("It will rain.", 1)


async def pipeline() -> None:
    """Five agents, each of which works on what the one before said."""
    assert len((await run(LINE, "Weather?", model=answers)).message.parts) == 5


async def fan() -> None:
    """A thousand agents at once, on a model that takes 20 ms."""

    async def play(task: Task) -> str:
        said = await gather(*(WRITER(f"question {n}") for n in range(1000)))
        return str(len(said))

    assert (await run(Team("fan", (WRITER,), play), "go", model=dawdles)).text == "1000"


async def chat() -> None:
    """Four agents who speak in turn, a hundred times each; everybody is shown all that was said."""
    said = itertools.count()

    async def speaks(think: Think) -> Message:
        return Message(sender=think.actor, text=f"remark {next(said)}")

    assert len((await run(TABLE, "Talk.", model=speaks)).message.parts) == 400


async def steps() -> None:
    """A hundred steps, each in the journal before the next begins."""

    async def play(task: Task) -> str:
        for _ in range(100):
            await Use("weather", {"city": "Bern"}, weather)
        return "done"

    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "runs.db")
        assert (await run(Team("steps", (), play), "go", store=store)).text == "done"
        await store.close()
