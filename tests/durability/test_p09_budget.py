"""P9: on a thousand schedules no cap is exceeded, and what was set aside comes back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from coterie import Actor, Agent, Limits, Task, Team, collect_all
from coterie.patterns import parallel
from coterie.testing.simulate import Simulated, simulate
from coterie.words.event import Asked, Noted, Settled

SEEDS = range(1_000)
EACH, SAID = 20, 1
"""Tokens that a leaf may say, and that it does say."""


def _wave(depth: int, leaves: Iterator[int]) -> Actor:
    """A tree of parallel teams: 64 leaves at depth 3, which start together."""
    if not depth:
        return Agent(f"leaf{next(leaves)}", settings={"max_tokens": EACH})
    members = [_wave(depth - 1, leaves) for _ in range(4)]
    return parallel(*members, name=f"team{next(leaves)}", on_failure=collect_all)


def _two_waves() -> Team:
    """Two such trees, one after the other, so that the second needs what the first gave back."""
    leaves = count()
    first, second = _wave(3, leaves), _wave(3, leaves)

    async def play(task: Task) -> str:
        said = [await first(task.text), await second(task.text)]
        return " ".join(str(len(one.text)) for one in said)

    return Team("waves", (first, second), play)


TWO = _two_waves()


def _spent(result: Simulated) -> tuple[int, int]:
    """Tokens of answers: the most that were spent and set aside at any moment, and all that were spent."""
    most = spent = 0
    under_way: set[str] = set()
    refused = {event.path for event in result.journal if isinstance(event, Noted) and event.fact == "refused"}
    for event in result.journal:
        if isinstance(event, Asked) and event.path not in refused:
            under_way.add(event.path)
        elif isinstance(event, Settled) and event.path in under_way:
            under_way.discard(event.path)
            spent += event.usage.output_tokens
        most = max(most, spent + EACH * len(under_way))
    return most, spent


@pytest.mark.slow
def test_no_cap_is_exceeded_on_a_thousand_schedules() -> None:
    """Of money, tokens or requests; exactly as many answer as the cap allows, in both waves, whatever ends first."""
    for seed in SEEDS:
        if seed % 2:
            cap = (40, 100, 128)[seed % 3]
            limits, answers = Limits(requests=cap), cap
        else:
            cap = EACH * (32, 64, 65)[seed % 3]
            first = min(64, cap // EACH)
            answers = first + min(64, (cap - first * SAID) // EACH)
            limits = Limits(output_tokens=cap)
        result = simulate(TWO, "go", script="x", seed=seed, limits=limits, journal=True)
        assert result.usage.requests == answers
        most, spent = _spent(result)
        assert spent == result.usage.output_tokens == answers * SAID
        assert seed % 2 or most <= cap
