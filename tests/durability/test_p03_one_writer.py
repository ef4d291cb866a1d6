"""P3: a run has one writer; a stale one commits nothing, and a dead one is noticed at once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from pathlib import Path

import pytest

from coterie.errors import Busy, Fenced
from coterie.ports import Lease
from coterie.stores import SqliteStore
from coterie.words.event import Noted, Record


def _record(seq: int, who: str) -> list[Record]:
    return [Record(seq, 0.0, Noted("run", "sent", who, seq))]


async def _stolen(path: Path, run: str) -> None:
    """Let the lease of `run` look as if its holder had been silent too long, on another host."""
    db = sqlite3.connect(path)
    db.execute("update runs set expires = 0, holder = 'elsewhere/1/1' where name = ?", (run,))
    db.commit()
    db.close()


def test_a_run_that_is_held_is_busy(tmp_path: Path) -> None:
    """A second claim is refused, in this process and from another, and names the holder."""

    async def play() -> None:
        mine, other = SqliteStore(tmp_path / "r.db"), SqliteStore(tmp_path / "r.db")
        lease = await mine.claim("r")
        with pytest.raises(Busy, match="in this process"):
            await mine.claim("r")
        with pytest.raises(Busy, match="is held by"):
            await other.claim("r")
        await mine.release(lease)
        assert (await other.claim("r")).epoch == 2

    asyncio.run(play())


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_1000_interleavings_of_two_writers_never_fork_a_journal(tmp_path: Path, durability: str) -> None:
    """Whoever claimed last writes; every append of the other is fenced, and none of it is stored."""
    dice = random.Random(11)

    async def play() -> tuple[list[Record], int]:
        stores = [SqliteStore(tmp_path / "r.db", durability=durability) for _ in range(2)]  # type: ignore[arg-type]
        leases: list[Lease | None] = [None, None]
        owner, refused, at = 0, 0, [0, 0]
        for _ in range(1000):
            who = dice.randrange(2)
            lease = leases[who]
            if lease is None:
                await _stolen(tmp_path / "r.db", "r")
                leases[who], owner = await stores[who].claim("r"), who
                at[who] = len(await stores[who].read("r"))
                continue
            try:
                await stores[who].append(lease, _record(at[who], "ab"[who]))
                assert who == owner, "a stale writer has written"
                at[who] += 1
            except Fenced:
                assert who != owner, "the owner was fenced"
                leases[who], refused = None, refused + 1
        return await stores[owner].read("r"), refused

    records, refused = asyncio.run(play())
    assert [record.seq for record in records] == list(range(len(records)))
    assert refused > 100


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lease_of_a_killed_process_is_free_at_once(tmp_path: Path, *, reaped: bool) -> None:
    """After kill -9 of its holder, a run can be claimed without waiting for the lease to end.

    Whether or not its parent has taken note of its death yet.
    """
    ready, told = os.pipe()
    worker = os.fork()
    if worker == 0:
        asyncio.run(_hold(tmp_path / "r.db", told))
    os.read(ready, 1)

    async def claim() -> int:
        store = SqliteStore(tmp_path / "r.db")
        with pytest.raises(Busy):
            await store.claim("r")
        os.kill(worker, signal.SIGKILL)
        os.waitid(os.P_PID, worker, os.WEXITED | (0 if reaped else os.WNOWAIT))
        return (await store.claim("r")).epoch

    epoch = asyncio.run(claim())
    if not reaped:
        os.waitpid(worker, 0)
    assert epoch == 2


async def _hold(path: Path, told: int) -> None:
    store = SqliteStore(path)
    await store.claim("r")
    os.write(told, b"!")
    await asyncio.Event().wait()
