"""Packs: what many runs write at once is one row, and each of them is read from its own end."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import Corrupt, Fenced
from coterie.ports import Lease
from coterie.stores import SqliteStore
from coterie.stores.sqlite import EARLY
from coterie.testing.journals import numbered, opening, seen, written
from coterie.wire.pack import Page, directory, pages_of, runs_in
from coterie.words.event import Settled

PAGES = st.lists(st.tuples(st.integers(1, 4), st.binary(max_size=20), st.binary(max_size=20)), max_size=8)


@given(PAGES)
def test_the_pages_of_a_run_come_back_in_order(pages: list[tuple[int, bytes, bytes]]) -> None:
    """Whatever runs a pack mixes, each gets its own pages and nobody else's."""
    places = [(run, n, n, 1, b"h", len(body), len(more)) for n, (run, body, more) in enumerate(pages)]
    lines, body = directory(places), b"".join(events + more for _, events, more in pages)
    assert runs_in(lines) == {run for run, _, _ in pages}
    for whose in range(1, 5):
        expected = [
            Page(n, n, 1, b"h", events, more) for n, (run, events, more) in enumerate(pages) if run == whose
        ]
        assert pages_of(whose, lines, body) == expected


@pytest.mark.parametrize("lines", [b"", b"\xff", directory([(1, 0, 0, 1, b"h", 5, 0)])])
def test_a_directory_that_is_none_or_another_s_is_corrupt(lines: bytes) -> None:
    """Bytes that do not fit the body are never read as pages."""
    with pytest.raises(Corrupt):
        pages_of(1, lines, b"four")


@pytest.mark.parametrize("durability", ["full", "normal", "relaxed"])
def test_many_runs_at_once_are_each_read_whole(tmp_path: Path, durability: str) -> None:
    """More runs than one early commit takes, several pages each: every one is what was written."""
    many, steps = EARLY * 3, 4

    async def work(store: SqliteStore, run: str) -> None:
        lease = await written(store, run)
        for n in range(1, steps):
            await store.append(lease, numbered([Settled(f"{run}.{n}", n)], n))

    async def scene() -> None:
        store = SqliteStore(tmp_path / "r.db", durability=durability)  # type: ignore[arg-type]
        await asyncio.gather(*(work(store, f"r{n}") for n in range(many)))
        again = SqliteStore(tmp_path / "r.db")
        for name in (f"r{n}" for n in range(many)):
            expected = numbered([opening(name)]) + [
                record for n in range(1, steps) for record in numbered([Settled(f"{name}.{n}", n)], n)
            ]
            assert seen(await store.read(name)) == seen(expected)
            assert seen(await again.read(name)) == seen(expected)
            assert await again.verify(name) == []
        await store.close()
        await again.close()

    asyncio.run(scene())


def test_steps_of_many_runs_share_a_row(tmp_path: Path) -> None:
    """A hundred runs that append within one turn of the loop write a row or two, not a hundred."""

    async def scene() -> None:
        store = SqliteStore(tmp_path / "r.db")
        leases = [await store.claim(f"r{n}") for n in range(100)]
        await asyncio.gather(*(store.append(lease, numbered([opening(lease.run)])) for lease in leases))
        await store.close()

    asyncio.run(scene())
    db = sqlite3.connect(tmp_path / "r.db")
    [(rows,)] = db.execute("select count(*) from packs").fetchall()
    db.close()
    assert rows == 1


def test_a_run_that_is_alone_waits_for_nobody_until_another_comes(tmp_path: Path) -> None:
    """After a turn of the loop for itself its appends are written when they return; with a second run they share."""

    async def scene() -> tuple[list[bool], int]:
        store = SqliteStore(tmp_path / "r.db")
        alone, at_once = await store.claim("alone"), list[bool]()
        for n in range(3):
            appended = store.append(alone, numbered([opening("alone") if n == 0 else Settled("s", n)], n))
            at_once.append(appended.done())
            await appended
        other = await store.claim("other")
        before = _rows(tmp_path / "r.db")
        await asyncio.gather(
            store.append(alone, numbered([Settled("s", 3)], 3)),
            store.append(other, numbered([opening("other")])),
        )
        shared = _rows(tmp_path / "r.db") - before
        await store.close()
        return at_once, shared

    assert asyncio.run(scene()) == ([False, True, True], 1)


def test_who_lost_a_run_takes_nobody_down(tmp_path: Path) -> None:
    """In one commit, the pages of a run that was taken over are left out, and the others go in."""

    async def scene() -> tuple[list[str], list[int]]:
        store, thief = SqliteStore(tmp_path / "r.db"), SqliteStore(tmp_path / "r.db")
        leases = [await written(store, f"r{n}") for n in range(3)]
        _steal(tmp_path / "r.db", "r1")
        await thief.claim("r1")
        each = (store.append(lease, numbered([Settled("s", 1)], 1)) for lease in leases)
        ends = await asyncio.gather(*each, return_exceptions=True)
        lengths = [len(await thief.read(f"r{n}")) for n in range(3)]
        await store.close()
        await thief.close()
        return [type(end).__name__ for end in ends], lengths

    assert asyncio.run(scene()) == (["NoneType", Fenced.__name__, "NoneType"], [2, 1, 2])


def _steal(path: Path, run: str) -> None:
    db = sqlite3.connect(path)
    db.execute("update runs set expires = 0, holder = 'elsewhere/1/1' where name = ?", (run,))
    db.commit()
    db.close()


def test_what_was_appended_after_the_lease_was_renewed_is_found(tmp_path: Path) -> None:
    """A run that was never given back is gone on with after its newest page, whatever its row knows."""

    async def scene() -> tuple[int, int, list[str]]:
        store, heir = SqliteStore(tmp_path / "r.db"), SqliteStore(tmp_path / "r.db")
        lease = await written(store, "r", [Settled("a", 1)], [Settled("b", 2)])
        await written(store, "other", [Settled("a", 1)])
        _steal(tmp_path / "r.db", "r")
        taken: Lease = await heir.claim("r")
        found = len(await heir.read("r"))
        await heir.append(taken, numbered([Settled("c", 3)], found))
        await heir.release(taken)
        problems = await heir.verify("r")
        await store.release(lease)
        await store.close()
        await heir.close()
        return found, len(await SqliteStore(tmp_path / "r.db").read("r")), problems

    assert asyncio.run(scene()) == (3, 4, [])


def test_a_long_look_for_the_ends_of_runs_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing finds the ends of runs that nobody gave back, and writes down what it has looked through."""
    monkeypatch.setattr("coterie.stores.reading.LONG", 3)
    path = tmp_path / "r.db"

    async def scene() -> tuple[list[int], list[tuple[int, int]], list[int]]:
        store = SqliteStore(path)
        await written(store, "idle")
        await written(store, "busy", *([Settled(f"s.{n}", n)] for n in range(5)))
        other = SqliteStore(path)
        listed = [one.events for one in await other.runs()]
        db = sqlite3.connect(path)
        known = db.execute("select tail, seen from runs order by id").fetchall()
        db.close()
        again = [one.events for one in await other.runs()]
        await store.close()
        await other.close()
        return listed, known, again

    assert asyncio.run(scene()) == ([6, 1], [(1, 7), (7, 7)], [6, 1])


def _rows(path: Path) -> int:
    db = sqlite3.connect(path)
    [(rows,)] = db.execute("select count(*) from packs")
    db.close()
    return int(rows)
