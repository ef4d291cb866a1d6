"""Conversations under a context: what a turn costs, and how long its prompt is, however long they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

from bench.figures import Figure
from bench.race import Effort, Lap, timed
from coterie.agent import Agent
from coterie.context import Context, Last, Own, Summary, Whole
from coterie.patterns import chat, debate
from coterie.shell.run import run
from coterie.stores.memory import MemoryStore
from coterie.team import Team
from coterie.words.effect import Think
from coterie.words.message import Message
from coterie.words.tokens import size_of
from coterie.words.usage import Usage

NAMES = ("ada", "bob", "cy", "dee", "eve")
TURNS = (25, 100, 400)
BUDGET = 4_000
CONTEXTS: dict[str, Context | None] = {
    "all of it": None,
    "whole": Whole(budget=BUDGET),
    "last 5": Last(n=5, budget=BUDGET),
    "own": Own(budget=BUDGET),
    "summary": Summary(budget=BUDGET),
}
SAID = "the tide turns at six and the wind comes from the west, so we should sail "


class Speaker:
    """A model that says 600 letters at once, never the same, and remembers its longest prompt."""

    def __init__(self) -> None:
        self.longest = 0
        self.calls = 0
        self._lines = count()

    async def __call__(self, think: Think) -> Message:
        self.calls += 1
        self.longest = max(self.longest, think.brief.size + think.thread.sums(size_of)[len(think.thread)])
        return Message(sender=think.actor, text=f"{next(self._lines)} {SAID * 8}", usage=Usage(20, 5, 1))


def teams(context: Context | None, turns: int) -> dict[str, Team]:
    """A chat and a debate of five in which each is heard as often."""
    agents = [Agent(name, "Say whether we sail.", context=context) for name in NAMES]
    judge = Agent("judge", "Decide.", context=context)
    return {
        "chat": chat(*agents, turns=turns),
        "debate": debate(*agents, judge=judge, rounds=turns // len(agents) - 1),
    }


async def _talk(team: Team, model: Any) -> None:
    result = await run(team, "Do we sail?", model=model, store=MemoryStore())
    assert result.status == "succeeded", result


def _lap(team: Team, laps: int) -> tuple[Lap, Speaker]:
    """The quickest of some laps, and who spoke in the last."""
    best, speaker = None, Speaker()
    for _ in range(laps):
        speaker = Speaker()
        lap = asyncio.run(timed(partial(_talk, team, speaker)))
        best = lap if best is None or lap.cpu < best.cpu else best
    assert best is not None
    return best, speaker


def figures(effort: Effort) -> Iterator[Figure]:
    """For each context: milliseconds a turn and the longest prompt at the most turns, and both over those at fewest."""
    for kind in ("chat", "debate"):
        for name, context in CONTEXTS.items():
            each: list[float] = []
            longest: list[int] = []
            for turns in TURNS:
                lap, speaker = _lap(teams(context, turns)[kind], effort.laps)
                each.append(lap.cpu / turns * 1e3)
                longest.append(speaker.longest)
            what = f"{kind}, {name}"
            target = None if context is None else 1.5
            yield Figure(what=f"{what}: a turn of {TURNS[-1]}", ours=each[-1], unit="ms")
            yield Figure(
                what=f"{what}: a turn of {TURNS[-1]} over one of {TURNS[1]}",
                ours=each[-1] / each[1],
                unit="x",
                target=target,
            )
            for turns, tokens in list(zip(TURNS, longest, strict=True))[:: len(TURNS) - 1]:
                yield Figure(
                    what=f"{what}: its longest prompt of {turns}",
                    ours=tokens,
                    unit="tokens",
                    target=None if context is None else BUDGET,
                )
