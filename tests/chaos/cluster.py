"""The cluster: servers, relays and workers, and what is done to them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.relay import Relay

ROOT = Path(__file__).parents[2]
LEASE = 4.0
"""Seconds of a lease: short, so that many are lost in little time."""
QUEUE = "chaos"


class Place:
    """One host: a worker, and its cables to the two servers."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self._cluster = cluster
        self._log = (cluster.folder / f"worker-{number}.log").open("ab")
        self.cables = (Relay(cluster.to_postgres), Relay(cluster.to_nats))
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Lay the cables, and start a worker."""
        for cable in self.cables:
            if not cable.port:
                await cable.start()
        postgres, nats = (cable.port for cable in self.cables)
        url = f"postgresql://postgres@127.0.0.1:{postgres}/postgres?connect_timeout=5"
        command = [sys.executable, "-m", "coterie", "worker", "--queue", QUEUE, "--lease", str(LEASE)]
        command += ["--store", url, "--engine", f"nats://127.0.0.1:{nats}"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "WITNESS": str(self._cluster.witness),
        }
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self._log, stderr=self._log
        )

    def stop(self) -> None:
        """Be gone for good."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._log.close()


class Cluster:
    """Three workers on one PostgreSQL and one NATS."""

    def __init__(self, folder: Path, postgres: Any, nats: Any, seed: int) -> None:
        self.folder = folder
        self.witness = folder / "witness"
        self.postgres = postgres
        self.nats = nats
        self.dice = random.Random(seed)
        self.places = [Place(self, number) for number in range(3)]
        self.done: list[str] = []
        self.recoveries: list[float] = []

    async def start(self) -> None:
        """Start every worker."""
        for place in self.places:
            await place.start()

    async def close(self) -> None:
        """Stop everything."""
        for place in self.places:
            place.stop()
            for cable in place.cables:
                await cable.close()

    async def to_postgres(self) -> Any:
        """A connection to the database."""
        return await asyncio.open_unix_connection(self.postgres.socket)

    async def to_nats(self) -> Any:
        """A connection to the broker."""
        return await asyncio.open_connection("127.0.0.1", self.nats.port)

    async def hurt(self) -> None:
        """Do the next bad thing, and see how long it takes until every run of a lost worker is another's."""
        ways: list[Callable[[], Any]] = [
            self._kill,
            self._freeze,
            self._restart_nats,
            self._restart_postgres,
            self._cut,
        ]
        way = ways[len(self.done) % len(ways)] if len(self.done) < len(ways) else self.dice.choice(ways)
        self.done.append(way.__name__.strip("_"))
        await way()

    async def _kill(self) -> None:
        place = self.dice.choice(self.places)
        process = _process(place)
        held = await self._held(process.pid)
        process.kill()
        await self._recovered(held)
        process.wait()
        await place.start()

    async def _freeze(self) -> None:
        """Stopped past its lease, and then awake again: what it writes is refused."""
        process = _process(self.dice.choice(self.places))
        held = await self._held(process.pid)
        process.send_signal(signal.SIGSTOP)
        await self._recovered(held)
        process.send_signal(signal.SIGCONT)

    async def _cut(self) -> None:
        place = self.dice.choice(self.places)
        held = await self._held(_process(place).pid)
        for cable in place.cables:
            cable.cut()
        await self._recovered(held)
        for cable in place.cables:
            cable.mend()

    async def _restart_nats(self) -> None:
        self.nats.stop()
        await asyncio.sleep(self.dice.uniform(0.2, 1.0))
        await asyncio.to_thread(self.nats.start)

    async def _restart_postgres(self) -> None:
        await asyncio.to_thread(self.postgres.restart)

    async def _held(self, pid: int) -> dict[str, int]:
        """The runs that a worker holds, with their epochs."""
        return await self._asked("select name, epoch from runs where holder like %s", f"%/{pid}/%")

    async def _recovered(self, held: dict[str, int]) -> None:
        """Wait until each of these runs is another's, or has ended."""
        began = time.monotonic()
        if not held:
            return
        while held:
            names = list(held)
            now = await self._asked(
                "select name, epoch from runs where name = any(%s) and holder <> ''", names
            )
            held = {run: epoch for run, epoch in held.items() if now.get(run) == epoch}
            if time.monotonic() - began > 60:
                raise AssertionError(f"nobody has taken {sorted(held)} in a minute")
            await asyncio.sleep(0.05)
        self.recoveries.append(time.monotonic() - began)

    async def _asked(self, query: Any, value: Any) -> dict[str, int]:
        async with await psycopg.AsyncConnection.connect(self.postgres.url) as db:
            return dict(await (await db.execute(query, (value,))).fetchall())


def _process(place: Place) -> subprocess.Popen[bytes]:
    assert place.process is not None
    return place.process
