"""The disk below a store whose appends survive a power cut."""

import asyncio
import threading
from pathlib import Path

import pytest

from coterie.errors import StoreUnavailable
from coterie.stores import disk
from coterie.stores.sqlite import SqliteStore
from coterie.testing.journals import numbered, opening
from coterie.words.event import Settled


def test_what_the_disk_does_not_keep_is_no_success(tmp_path: Path) -> None:
    """An append whose log cannot be synced fails, and says which file; so does nothing else."""

    async def scene() -> None:
        store, path = SqliteStore(tmp_path / "r.db", durability="full"), tmp_path / "r.db-wal"
        lease = await store.claim("r")
        kept = path.rename(tmp_path / "elsewhere")
        with pytest.raises(StoreUnavailable, match=r"r\.db"):
            await store.append(lease, numbered([opening("r")]))
        kept.rename(path)
        other = await store.claim("s")
        await store.append(other, numbered([opening("s")]))
        assert len(await store.read("s")) == 1
        await store.close()

    asyncio.run(scene())


def test_a_store_behind_a_link_is_kept_where_it_is(tmp_path: Path) -> None:
    """SQLite keeps its log beside the file and not beside a link to it; there it is synced."""

    async def scene() -> list[int]:
        (tmp_path / "there").mkdir()
        (tmp_path / "link.db").symlink_to(tmp_path / "there" / "r.db")
        store = SqliteStore(tmp_path / "link.db", durability="full")
        leases = [await store.claim(f"r{n}") for n in range(70)]
        await asyncio.gather(*(store.append(lease, numbered([opening(lease.run)])) for lease in leases))
        await asyncio.gather(*(store.append(lease, numbered([Settled("s", 1)], 1)) for lease in leases))
        lengths = [len(await store.read(lease.run)) for lease in leases]
        await store.close()
        return lengths

    assert asyncio.run(scene()) == [2] * 70


def test_the_disk_is_at_work_before_the_loop_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the disk keep something does not hold the interpreter until the thread has begun."""
    seen: list[bool] = []
    begun = threading.Event()
    wait = begun.wait

    def watched(seconds: float | None = None) -> bool:
        seen.append(wait(60))
        return seen[-1]

    async def scene() -> None:
        (tmp_path / "r.db-wal").touch()
        below = disk.Disk(tmp_path / "r.db")
        monkeypatch.setattr(begun, "wait", watched)
        monkeypatch.setattr(below, "_begun", begun)
        await below.keep()
        await below.keep()
        below.close()

    asyncio.run(scene())
    assert seen == [True, True]
