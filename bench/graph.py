"""Plans as graphs: many small steps, and a skewed one against its critical path."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench import cast, limits
from bench.figures import Figure, rate
from bench.race import Effort, looped, race
from coterie.patterns.orchestrator import orchestrator
from coterie.shell.run import run
from coterie.team import Team
from coterie.words.message import Message
from coterie.words.plan import Plan, Step

LAYERS, WIDE = 5, 10
PLANS = 100
UNIT = 0.01
"""Seconds in a unit of the skewed plan."""
SKEWED = Plan(
    (
        Step(id="a", worker="writer", task="5"),
        Step(id="then", worker="writer", task="5", depends_on=("a",)),
        Step(id="b", worker="writer", task="20"),
    )
)
CRITICAL = 20


def layered() -> Plan:
    """50 steps: five layers of ten, each step on two of the layer before."""
    steps = [
        Step(id=f"s{layer}.{n}", worker="writer", task=f"step {n}", depends_on=_before(layer, n))
        for layer in range(LAYERS)
        for n in range(WIDE)
    ]
    return Plan(tuple(steps))


def _before(layer: int, n: int) -> tuple[str, ...]:
    return (f"s{layer - 1}.{n}", f"s{layer - 1}.{(n + 1) % WIDE}") if layer else ()


async def works(think: Any) -> Message:
    """A model that takes as many units as its task says."""
    await asyncio.sleep(UNIT * int(think.thread[-1].text))
    return Message(sender=think.actor, text="done", usage=cast.SPENT)


async def _plans(team: Team, count: int) -> None:
    for _ in range(count):
        result = await run(team, "Do it.")
        assert result.status == "succeeded"


async def _by_hand(plan: Plan, agent: limits.Agent, count: int) -> None:
    for _ in range(count):
        await limits.as_graph(plan, agent)


def figures(effort: Effort) -> Iterator[Figure]:
    """Steps a second, and how near a skewed plan comes to its critical path."""
    count, plan = effort.of(PLANS), layered()
    team = orchestrator(plan, [cast.ours()])
    ours, limit = race(
        effort.laps,
        looped(partial(_plans, team, count)),
        looped(partial(_by_hand, plan, cast.theirs(), count)),
    )
    steps = count * len(plan.steps)
    of = "a task a step, hand-written agents"
    yield rate("a plan of 50 steps", steps, ours, limit, of, unit="steps/s", target=25_000)
    yield _skewed(effort)


def _skewed(effort: Effort) -> Figure:
    team = orchestrator(SKEWED, [cast.ours(model=works)])
    agent = cast.theirs(model=works)
    ours, by_hand = race(
        effort.laps, looped(partial(_plans, team, 1)), looped(partial(_by_hand, SKEWED, agent, 1))
    )
    path = CRITICAL * UNIT
    return Figure(
        what="a skewed plan, of its critical path",
        ours=ours.wall / path,
        unit="x",
        target=1.03,
        limit=by_hand.wall / path,
        of="a task a step, hand-written agents",
        times=ours.wall / by_hand.wall,
    )
