"""What is played: runs of every pattern begun one after the other while the cluster is hurt, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from coterie.errors import Busy, EngineUnavailable, StoreUnavailable
from coterie.kernel.history import uses
from coterie.shell.host import Host
from coterie.shell.run import run as perform
from coterie.stores.memory import MemoryStore
from coterie.words.result import Result
from tests.chaos.cluster import LEASE, Cluster
from tests.chaos.team import PATTERNS, TEAMS, witnessed

WITHIN = LEASE + 2.0
"""Seconds within which the runs of a lost worker are another's."""
LONG = 180.0
"""Seconds for the last runs to end, once nothing bad happens any more."""


class Told(Struct):
    """What was seen."""

    runs: int
    done: list[str]
    recoveries: list[tuple[str, float]]
    steps: int
    repeated: int
    wrong: list[str]

    def lines(self) -> list[str]:
        """It, for people."""
        took = sorted(seconds for _, seconds in self.recoveries) or [0.0]
        middle, nearly, slowest = (took[int(part * (len(took) - 1))] for part in (0.5, 0.95, 1))
        lost = len(self.recoveries)
        return [
            f"{self.runs} runs of {len(PATTERNS)} patterns, {self.steps} steps with the witness",
            f"{self.repeated} steps seen twice or more, each under way when its worker was lost",
            f"done to them: {', '.join(f'{n} x {what}' for what, n in sorted(Counter(self.done).items()))}",
            f"{lost} times a worker was lost that had runs, which had to be others' within {WITHIN:.1f} s",
            f"they were after {middle:.1f} s (median), {nearly:.1f} s (95 %), {slowest:.1f} s (all)",
            *(f"WRONG: {one}" for one in self.wrong),
            "all is well" if not self.wrong else f"{len(self.wrong)} things went wrong",
        ]


async def played(cluster: Cluster, *, minutes: float, runs: int) -> Told:
    """Begin runs, hurt the cluster meanwhile, wait for all, and look at what came of each."""
    store, engine = cluster.store, cluster.engine()
    host = Host(store, actor_of=lambda began: TEAMS[PATTERNS[0]], engine=engine)
    try:
        await cluster.start()
        loop = asyncio.get_running_loop()
        until = loop.time() + 60 * minutes
        begun = loop.create_task(_begun(host, runs, 60 * minutes / runs))
        while loop.time() < until and not cluster.wrong:
            await asyncio.sleep(cluster.dice.uniform(0.5, 2.0))
            await cluster.hurt()
        await begun
        await host.go_on()  # what nobody could be told of
        results = await _ended(cluster, host, runs)
        return await _looked(cluster, results)
    finally:
        await engine.close()
        await cluster.close()


async def _begun(host: Host, runs: int, pause: float) -> None:
    """Begin runs of every pattern, one after the other; a server that is lost is waited for."""
    for n in range(runs):
        pattern = PATTERNS[n % len(PATTERNS)]
        origin = {"team": f"tests.chaos.team:team_{pattern}"}
        while True:
            with contextlib.suppress(StoreUnavailable, Busy):  # lost in the middle, it is ours for a lease
                with contextlib.suppress(EngineUnavailable):  # it is in the store
                    if not await host.store.read(f"run-{n}"):
                        await host.begin(TEAMS[pattern], f"task {n}", id=f"run-{n}", origin=origin)
                break
            await asyncio.sleep(0.2)
        await asyncio.sleep(pause)


async def _ended(cluster: Cluster, host: Host, runs: int) -> list[Result]:
    """What came of each run; those that never end are named."""
    ids = [f"run-{n}" for n in range(runs)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONG):
            return [await host.wait(id) for id in ids]
    found = [await host.result(id) for id in ids]
    left = [one.id for one in found if one.status != "succeeded"]
    await cluster.tell(f"{len(left)} runs have not ended: {left}", left)
    return found


async def _looked(cluster: Cluster, results: Sequence[Result]) -> Told:
    """Compare each run with the same in memory, and the witness with the journals."""
    store, wrong = cluster.store, list(cluster.wrong)
    seen = _witnessed(cluster)
    asked: set[str] = set()
    for n, result in enumerate(results):
        pattern = PATTERNS[n % len(PATTERNS)]
        expected = await perform(TEAMS[pattern], f"task {n}", store=MemoryStore())
        if (result.status, result.text) != (expected.status, expected.text):
            wrong.append(f"{pattern} {result.id}: {result.status} {result.text!r}, not {expected.text!r}")
        wrong += await store.verify(result.id)
        for use in [one for one in uses(await store.read(result.id)) if one.tool == witnessed.name]:
            key = f"{result.id}:{use.path}"
            asked.add(key)
            wrong += _against(key, use.ended if use.settled else None, seen)
    wrong += [f"{key} was done, and no journal knows of it" for key in seen.keys() - asked]
    wrong += [
        f"{what}, and nobody had its runs for {took:.1f} s"
        for what, took in cluster.recoveries
        if took > WITHIN
    ]
    repeated = sum(1 for began in seen.values() if len(began) > 1)
    return Told(len(results), cluster.done, cluster.recoveries, len(seen), repeated, wrong)


def _witnessed(cluster: Cluster) -> dict[str, list[float]]:
    """When each step was begun that the witness saw the end of, once for each time."""
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for line in cluster.witness.read_text().splitlines():
        key, _, began = line.rpartition(" ")
        seen[key].append(float(began))
    return seen


def _against(key: str, ended: float | None, seen: Mapping[str, Sequence[float]]) -> list[str]:
    """What a step of a journal that `ended` has against what the witness saw of it."""
    if ended is None:
        return []
    if key not in seen:
        return [f"{key} was settled, and the witness saw nothing"]
    late = [began - ended for began in seen[key] if began > ended]
    return [f"{key} was begun again {one:.2f} s after it was journaled" for one in late]
