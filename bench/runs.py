"""Whole runs in memory, one after the other: an agent, an agent with a tool, a pipeline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from bench import cast, limits
from bench.figures import Figure, rate
from bench.race import Effort, looped, race
from coterie.actor import Actor
from coterie.models.scripted import scripted
from coterie.patterns.pipeline import pipeline
from coterie.shell.run import run

RUNS = 4_000


async def _run(actor: Actor, count: int) -> None:
    for _ in range(count):
        result = await run(actor, "Will it rain?")
        assert result.status == "succeeded"


async def _by_hand(agent: Callable[[str], Awaitable[Any]], count: int) -> None:
    for _ in range(count):
        await agent("Will it rain?")


def figures(effort: Effort) -> Iterator[Figure]:
    """Runs a second, each beside the same by hand."""
    told = scripted(lambda _: "It will rain.")
    stages = [f"stage{n}" for n in range(5)]
    line = pipeline(*map(cast.ours, stages))
    by_hand = partial(limits.in_line, [*map(cast.theirs, stages)])
    kinds = [
        ("one agent, one call", cast.ours(), cast.theirs().run, RUNS, 45_000),
        ("one agent, one call, scripted model", cast.ours(model=told), None, RUNS, 45_000),
        ("one agent, one tool call", cast.ours_with_tool(), cast.theirs_with_tool().run, RUNS // 2, 20_000),
        ("a pipeline of five agents", line, by_hand, RUNS // 4, 10_000),
    ]
    told_by_hand = limits.Agent("writer", cast.INSTRUCTIONS, _taking(told)).run
    for what, actor, hand, size, target in kinds:
        count = effort.of(size)
        bare = looped(partial(_by_hand, hand or told_by_hand, count))
        ours, limit = race(effort.laps, looped(partial(_run, actor, count)), bare)
        of = "a hand-written agent in asyncio"
        yield rate(what, count, ours, limit, of, unit="runs/s", target=target)


def _taking(model: Any) -> Any:
    """A model object as the hand-written agent takes one."""

    async def asked(prompt: Any) -> Any:
        return await model(prompt)

    return asked
