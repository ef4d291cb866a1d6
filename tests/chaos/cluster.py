"""The cluster: servers, cables and workers, and what is done to them."""

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

from coterie.engines.places import engine_at
from coterie.errors import StoreUnavailable
from coterie.kernel.story import closed
from coterie.ports import Engine
from coterie.stores.postgres import PostgresStore
from tests.chaos.network import Cables, Loopback, Namespace
from tests.chaos.relay import Connect

ROOT = Path(__file__).parents[2]
LEASE = 4.0
"""Seconds of a lease: short, so that many are lost in little time."""
QUEUE = "chaos"
LOST = 60.0
"""Seconds after which a run that nobody has taken will not be taken."""


class Place:
    """One host: a worker, and its cables to the two servers."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        servers: dict[str, Connect] = {"postgres": cluster.to_postgres, "broker": cluster.to_broker}
        self._cluster = cluster
        self._log = (cluster.folder / f"worker-{number}.log").open("ab")
        self.name = f"worker {number}"
        self.cables: Cables = Namespace(number, servers) if cluster.namespaces else Loopback(servers)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start a worker; the first time, lay its cables."""
        if self.process is None:
            await self.cables.lay()
        postgres, broker = (self.cables.places[name] for name in ("postgres", "broker"))
        command = [*self.cables.prefix, sys.executable, "-m", "tests.chaos.worker"]
        command += ["--queue", QUEUE, "--lease", str(LEASE)]
        command += ["--store", f"postgresql://postgres@{postgres}/postgres?connect_timeout=5"]
        command += ["--engine", f"{self._cluster.kind}://{broker}"]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "WITNESS": str(self._cluster.witness),
        }
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self._log, stderr=self._log
        )

    async def stop(self) -> None:
        """Be gone for good."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._log.close()
        await self.cables.close()


class Cluster:
    """Three workers on one PostgreSQL and one broker, which is a NATS or a Temporal."""

    def __init__(
        self, folder: Path, postgres: Any, broker: Any, seed: int, *, namespaces: bool = False
    ) -> None:
        self.folder = folder
        self.witness = folder / "witness"
        self.postgres = postgres
        self.broker = broker
        self.store = PostgresStore(postgres.url, lease=LEASE)
        self.kind = broker.url.partition("://")[0]
        self.namespaces = namespaces
        self.dice = random.Random(seed)
        self.places = [Place(self, number) for number in range(3)]
        self.done: list[str] = []
        self.recoveries: list[tuple[str, float]] = []
        self.wrong: list[str] = []

    def engine(self) -> Engine:
        """The engine of whoever begins runs."""
        return engine_at(self.broker.url, QUEUE)

    async def start(self) -> None:
        """Start every worker."""
        for place in self.places:
            await place.start()

    async def close(self) -> None:
        """Stop everything."""
        for place in self.places:
            await place.stop()
        await self.store.close()

    async def to_postgres(self) -> Any:
        """A connection to the database."""
        return await asyncio.open_unix_connection(self.postgres.socket)

    async def to_broker(self) -> Any:
        """A connection to the broker."""
        return await asyncio.open_connection("127.0.0.1", self.broker.port)

    async def hurt(self) -> None:
        """Do the next bad thing, and see how long it takes until every run of a lost worker is another's."""
        ways: list[Callable[[], Any]] = [
            self._kill,
            self._freeze,
            self._restart_broker,
            self._restart_postgres,
            self._cut,
        ]
        way = ways[len(self.done) % len(ways)] if len(self.done) < len(ways) else self.dice.choice(ways)
        self.done.append(way.__name__.strip("_"))
        self._alive()
        await way()

    def _alive(self) -> None:
        """Take note of workers that are gone though nobody killed them."""
        for place in self.places:
            if (code := _process(place).poll()) is not None:
                self.wrong.append(f"{place.name} ended by itself, with {code}")

    async def _kill(self) -> None:
        place = self.dice.choice(self.places)
        process = _process(place)
        held = await self._held(process.pid)
        process.kill()
        await self._recovered(f"{place.name} was killed", held)
        process.wait()
        await place.start()

    async def _freeze(self) -> None:
        """Stopped past its lease, and then awake again: what it writes is refused."""
        place = self.dice.choice(self.places)
        process = _process(place)
        held = await self._held(process.pid)
        process.send_signal(signal.SIGSTOP)
        await self._recovered(f"{place.name} was frozen", held)
        process.send_signal(signal.SIGCONT)

    async def _cut(self) -> None:
        place = self.dice.choice(self.places)
        held = await self._held(_process(place).pid)
        place.cables.cut()
        await self._recovered(f"{place.name} was cut off", held)
        place.cables.mend()

    async def _restart_broker(self) -> None:
        self.broker.stop()
        await asyncio.sleep(self.dice.uniform(0.2, 1.0))
        await asyncio.to_thread(self.broker.start)

    async def _restart_postgres(self) -> None:
        await asyncio.to_thread(self.postgres.restart)

    async def _held(self, pid: int) -> dict[str, int]:
        """The runs that a worker holds, with their epochs."""
        return await self._asked(
            "select name, epoch from runs where holder like %s and expires > now()", f"%/{pid}/%"
        )

    async def _recovered(self, what: str, held: dict[str, int]) -> None:
        """Wait until each of these runs is another's, or has ended."""
        began = time.monotonic()
        if not held:
            return
        while held and time.monotonic() - began < LOST:
            names = list(held)
            now = await self._asked(
                "select name, epoch from runs where name = any(%s) and holder <> ''", names
            )
            held = {run: epoch for run, epoch in held.items() if now.get(run) == epoch}
            held = {run: epoch for run, epoch in held.items() if not await self._ended(run)}
            await asyncio.sleep(0.05)
        self.recoveries.append((what, time.monotonic() - began))
        if held:
            await self.tell(f"{what}, and nobody has taken {sorted(held)}", list(held))

    async def _ended(self, run: str) -> bool:
        """Whether a run has ended, though its worker was lost before it could let go."""
        try:
            return closed(await self.store.read(run)) is not None
        except StoreUnavailable:  # it was restarted since we asked last
            return False

    async def tell(self, what: str, runs: list[str]) -> None:
        """Take note of what went wrong, with the rows of these runs, and have the workers log what they wait for."""
        async with await psycopg.AsyncConnection.connect(self.postgres.url) as db:
            rows = await db.execute(
                "select name, epoch, holder, expires - now(), wake - extract(epoch from now()) from runs "
                "where name = any(%s)",
                (runs,),
            )
            found = [" ".join(map(str, row)) for row in await rows.fetchall()]
        self.wrong.append("; ".join([what, *found]))
        for place in self.places:
            if _process(place).poll() is None:
                _process(place).send_signal(signal.SIGUSR1)

    async def _asked(self, query: Any, value: Any) -> dict[str, int]:
        async with await psycopg.AsyncConnection.connect(self.postgres.url) as db:
            return dict(await (await db.execute(query, (value,))).fetchall())


def _process(place: Place) -> subprocess.Popen[bytes]:
    assert place.process is not None
    return place.process
