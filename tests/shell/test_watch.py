"""Watching runs that other processes perform: each record once, and no row of their journals read twice."""

from __future__ import annotations

import asyncio

import pytest

from coterie.errors import Corrupt
from coterie.shell.watch import Watched
from coterie.stores import MemoryStore, SqliteStore
from coterie.stores.postgres import PostgresStore
from coterie.words.event import Closed, Noted, Opened, Record
from tests.stores.servers import postgres

EVENTS = 200


@pytest.fixture(scope="module")
def server():
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """Makes stores of one place, as another process would each time."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "runs.db")
    url = request.getfixturevalue("server")
    return lambda: PostgresStore(url, tenant=tmp_path.name)


async def _write(store, run, count, others=()):
    """A run of `count` events beside others, each event a commit of its own."""
    leases = {name: await store.claim(name) for name in (run, *others)}
    for name, lease in leases.items():
        await store.append(lease, [Record(0, 0.0, Opened(run=name, actor="a", task="t"))])
    for seq in range(1, count - 1):
        for lease in leases.values():
            await store.append(lease, [Record(seq, 0.0, Noted("a", "entered", "x" * 2000))])
        yield seq
    await store.append(leases[run], [Record(count - 1, 0.0, Closed(status="succeeded"))])
    for lease in leases.values():
        await store.release(lease)
    yield count - 1


def test_a_watcher_reads_each_row_once(place):
    """Of N events that come one by one it reads N rows and a few, not N for each look."""

    async def scene():
        writer, reader = place(), place()
        made = []

        class Counted:
            """The reader's store, and the growths that it was asked for."""

            read = reader.read
            runs = reader.runs

            def growth(self, run):
                made.append(reader.growth(run))
                return made[-1]

        writing = _write(writer, "r", EVENTS)
        await anext(writing)
        watching = Watched(Counted()).events("r")
        seen = [(await anext(watching)).seq for _ in range(2)]
        seen += [(await anext(watching)).seq async for _ in writing]
        rest = [one.seq async for one in watching]
        await writer.close()
        await reader.close()
        return seen + rest, [one.rows for one in made]

    seen, rows = asyncio.run(scene())
    assert seen == list(range(EVENTS))
    assert len(rows) == 1
    assert EVENTS <= rows[0] <= EVENTS + 2


def test_a_growth_gives_each_record_once_in_order(place):
    """From before there is a run to its end, beside the runs that are written with it; contents once kept are known."""

    async def scene():
        writer, reader = place(), place()
        growth = reader.growth("r")
        found = [*await growth.more()]
        async for seq in _write(writer, "r", 30, others=("p", "q")):
            if seq % 3 == 0:
                found += await growth.more()
        found += await growth.more()
        whole = await reader.read("r")
        late = await reader.growth("r").more()
        await writer.close()
        await reader.close()
        return found == whole == late, len(whole)

    assert asyncio.run(scene()) == (True, 30)


def test_a_journal_with_a_hole_is_no_growth(tmp_path):
    """What is missing is said, and not passed over."""

    async def scene():
        writer, reader = (SqliteStore(tmp_path / "runs.db") for _ in range(2))
        growth, writing = reader.growth("r"), _write(writer, "r", 10)
        await anext(writing)
        await growth.more()
        async for _ in writing:
            pass
        [(last,)] = reader._db.execute("select max(id) from packs")
        reader._db.execute("delete from packs where id = ?", (last - 2,))
        with pytest.raises(Corrupt, match="missing"):
            await growth.more()
        await writer.close()
        await reader.close()

    asyncio.run(scene())


def test_a_growth_in_memory():
    """The same, where nothing is written."""

    async def scene():
        store = MemoryStore()
        growth, found = store.growth("r"), []
        async for _ in _write(store, "r", 5):
            found += await growth.more()
        return [one.seq for one in found]

    assert asyncio.run(scene()) == list(range(5))
