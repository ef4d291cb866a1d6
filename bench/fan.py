"""Fan-out: many children at once on a model that takes 20 ms, each size in a fresh process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator

from bench import cast
from bench.figures import Figure
from bench.fresh import child, peak, tell
from bench.race import Effort, timed
from coterie.actor import gather
from coterie.shell.run import run
from coterie.team import Team
from coterie.words.task import Task

TARGETS: dict[int, tuple[float | None, float | None]] = {
    100: (None, None),
    1_000: (55, None),
    10_000: (1_000, 200),
}
"""Milliseconds and megabytes, by the number of children."""
LAPS = 3


async def fan(count: int) -> None:
    """One run that calls an agent `count` times at once."""
    agent = cast.ours(model=cast.dawdles)

    async def play(_: Task) -> str:
        await gather(*(agent(f"question {n}") for n in range(count)))
        return "done"

    result = await run(Team("fan", (agent,), play), "go")
    assert result.status == "succeeded"


async def bare(count: int) -> None:
    """The hand-written agent under `asyncio.gather`."""
    agent = cast.theirs(model=cast.dawdles)
    await asyncio.gather(*(agent.run(f"question {n}") for n in range(count)))


SIDES: dict[str, Callable[[int], Awaitable[None]]] = {"ours": fan, "limit": bare}


def figures(effort: Effort) -> Iterator[Figure]:
    """Time and peak memory of each size, the best of a few processes."""
    for count, (ms, mb) in TARGETS.items():
        laps = min(effort.laps, LAPS)
        rounds = [{side: child("bench.fan", side, count) for side in SIDES} for _ in range(laps)]
        wall, limit_wall = (min(one[side]["ms"] for one in rounds) for side in SIDES)
        most, limit_most = (min(one[side]["mb"] for one in rounds) for side in SIDES)
        yield Figure(
            what=f"{count:,} children on a model of 20 ms",
            ours=wall,
            unit="ms",
            target=ms,
            limit=limit_wall,
            of="asyncio.gather of hand-written agents",
            times=wall / limit_wall,
        )
        yield Figure(
            what=f"{count:,} children, peak memory added",
            ours=most,
            unit="MB",
            target=mb,
            limit=limit_most,
            of="asyncio.gather of hand-written agents",
            times=most / max(limit_most, 0.1),
        )


async def _measured(side: str, count: int) -> None:
    before = peak()
    lap = await timed(lambda: SIDES[side](count))
    tell(ms=lap.wall * 1e3, mb=peak() - before)


if __name__ == "__main__":
    asyncio.run(_measured(sys.argv[1], int(sys.argv[2])))
