"""What is played: runs of every pattern begun one after the other while the cluster is hurt, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from coterie.engines.nats import NatsEngine
from coterie.errors import Busy, EngineUnavailable, StoreUnavailable
from coterie.kernel.history import uses
from coterie.shell.host import Host
from coterie.shell.run import run as perform
from coterie.stores.memory import MemoryStore
from coterie.stores.postgres import PostgresStore
from coterie.words.result import Result
from tests.chaos.cluster import LEASE, QUEUE, Cluster
from tests.chaos.team import PATTERNS, TEAMS, witnessed

WITHIN = LEASE + 2.0
"""Seconds within which the runs of a lost worker are another's."""
LONG = 180.0
"""Seconds for the last runs to end, once nothing bad happens any more."""


class Told(Struct):
    """What was seen."""

    runs: int
    done: list[str]
    recoveries: list[float]
    steps: int
    repeated: int
    wrong: list[str]

    def lines(self) -> list[str]:
        """It, for people."""
        slowest, many = max(self.recoveries, default=0.0), len(self.recoveries)
        middle = sorted(self.recoveries)[many // 2] if many else 0.0
        return [
            f"{self.runs} runs, {self.steps} steps with the witness, {self.repeated} of them seen twice or more",
            f"done to them: {', '.join(f'{n} x {what}' for what, n in sorted(Counter(self.done).items()))}",
            f"until another had the runs of a lost worker: median {middle:.1f} s, at most {slowest:.1f} s",
            *(f"WRONG: {one}" for one in self.wrong),
            "all is well" if not self.wrong else f"{len(self.wrong)} things went wrong",
        ]


async def played(folder: Path, database: Any, broker: Any, *, seed: int, minutes: float, runs: int) -> Told:
    """Begin runs, hurt the cluster meanwhile, wait for all, and look at what came of each."""
    cluster = Cluster(folder, database, broker, seed)
    store = PostgresStore(database.url, lease=LEASE)
    engine = NatsEngine(broker.url, queue=QUEUE)
    host = Host(store, actor_of=lambda began: TEAMS[PATTERNS[0]], engine=engine)
    try:
        await cluster.start()
        loop = asyncio.get_running_loop()
        until = loop.time() + 60 * minutes
        begun = loop.create_task(_begun(host, runs, 60 * minutes / runs))
        while loop.time() < until:
            await asyncio.sleep(cluster.dice.uniform(0.5, 2.0))
            await cluster.hurt()
        await begun
        await host.go_on()  # what nobody could be told of
        results = await asyncio.wait_for(_ended(host, runs), LONG)
        return await _looked(cluster, store, results)
    finally:
        await cluster.close()
        await engine.close()
        await store.close()


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


async def _ended(host: Host, runs: int) -> list[Result]:
    return [await host.wait(f"run-{n}") for n in range(runs)]


async def _looked(cluster: Cluster, store: PostgresStore, results: Sequence[Result]) -> Told:
    """Compare each run with the same in memory, and the witness with the journals."""
    wrong: list[str] = []
    os.environ["WITNESS"] = os.devnull  # of what runs here
    seen = Counter(cluster.witness.read_text().splitlines())
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
            if use.settled and not seen[key]:
                wrong.append(f"{key} was settled, and the witness saw nothing")
    wrong += [f"{key} was done, and no journal knows of it" for key in seen.keys() - asked]
    wrong += [f"nobody had a worker's runs for {one:.1f} s" for one in cluster.recoveries if one > WITHIN]
    repeated = sum(1 for count in seen.values() if count > 1)
    return Told(len(results), cluster.done, cluster.recoveries, len(seen), repeated, wrong)
