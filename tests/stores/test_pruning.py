"""Of what was let go nothing is left on the disk, and nobody can take something out unseen."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from coterie.shell.audit import exported
from coterie.stores import SqliteStore
from coterie.stores.postgres import PostgresStore
from coterie.testing.keepers import CANARY, EVENTS, WHEN, WHO, WHY, kept
from coterie.wire import signature
from coterie.wire.export import problems, read
from coterie.wire.pack import mentioned
from tests.stores.servers import postgres


@pytest.fixture(scope="module")
def url():
    with postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "sqlite-full", "postgres"])
def store(request, tmp_path):
    if request.param == "postgres":
        return PostgresStore(request.getfixturevalue("url"), tenant=f"t-{tmp_path.name[-40:]}")
    return SqliteStore(tmp_path / "runs.db", durability="full" if "full" in request.param else "normal")


def played(store, scene):
    async def all_of_it():
        try:
            return await scene(store)
        finally:
            await store.close()

    return asyncio.run(all_of_it())


def on_disk(folder):
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_nothing_of_it_is_left_on_the_disk(tmp_path, durability):
    """Neither in the file nor in its log, of a redacted run or of a pruned one."""
    for prunes in (False, True):
        folder = tmp_path / f"{prunes}"
        store = SqliteStore(folder / "runs.db", durability=durability)

        async def scene(store, prunes=prunes, folder=folder):
            lease = await kept(store, "r", EVENTS)
            assert CANARY.encode() in on_disk(folder)
            if prunes:
                await store.prune([lease], WHO, WHY, WHEN)
            else:
                await store.redact(lease, range(14), WHO, WHY, WHEN)
                await store.release(lease)
            return CANARY.encode() in on_disk(folder)

        assert played(store, scene) is False
        assert CANARY.encode() not in on_disk(folder)


def test_what_nobody_mentions_any_more_is_freed(tmp_path):
    """The last of the runs that mention a large content takes it along; a row of it is nobody's."""
    store = SqliteStore(tmp_path / "runs.db")

    async def scene(store):
        one, other = await kept(store, "one", EVENTS), await kept(store, "other", EVENTS)
        counts = [count(tmp_path, "blobs")]
        await store.redact(one, range(14), WHO, WHY, WHEN)
        counts.append(count(tmp_path, "blobs"))
        await store.prune([other], WHO, WHY, WHEN)
        counts.append(count(tmp_path, "blobs"))
        await store.prune([one], WHO, WHY, WHEN)
        return counts, [count(tmp_path, table) for table in ("runs", "overviews", "signals", "pruned")]

    (before, shared, mine), rows = played(store, scene)
    assert (before > 0, shared, mine, rows) == (True, before, 0, [0, 0, 0, 2])


def count(folder, table):
    with sqlite3.connect(folder / "runs.db") as db:
        return db.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608 - a name of ours


def test_the_number_of_a_pruned_run_is_nobody_elses(tmp_path):
    """A stale writer that still has it writes into no other run."""
    store = SqliteStore(tmp_path / "runs.db")

    async def scene(store):
        lease = await kept(store, "r", EVENTS[:1])
        before = store._held["r"].key
        await store.prune([lease], WHO, WHY, WHEN)
        await store.claim("new")
        return before, store._held["new"].key

    before, after = played(store, scene)
    assert after == before + 1


def test_a_redacted_journal_is_still_what_was_written(store):
    """The chain of a redacted run holds, and so does that of an export of it, signed or not."""

    async def scene(store):
        lease = await kept(store, "r", EVENTS)
        await store.redact(lease, [0, 3, 6], WHO, WHY, WHEN)
        wrong = [await store.verify("r")]
        await store.redact(lease, range(14), WHO, WHY, WHEN)
        wrong.append(await store.verify("r"))
        await store.release(lease)
        secret, _ = signature.made()
        key = signature.key_of(secret, where="key")
        return (
            [*wrong, await store.verify("r")],
            await exported(store, "r"),
            await exported(store, "r", key=key),
        )

    wrong, plain, signed = played(store, scene)
    assert wrong == [[], [], []]
    assert (problems(plain), problems(signed, checks=signature.checks)) == ([], [])
    assert CANARY.encode() not in plain
    assert len(read(plain).records()) == len(EVENTS) + 4


def test_what_is_taken_out_unsaid_is_found(tmp_path):
    """A page that was redacted and whose redaction is not told is not what was written; nor is one changed since."""
    store = SqliteStore(tmp_path / "runs.db")

    async def scene(store):
        lease = await kept(store, "r", EVENTS)
        await store.redact(lease, [4], WHO, WHY, WHEN)
        await store.release(lease)

    played(store, scene)
    with sqlite3.connect(tmp_path / "runs.db") as db:
        for number, body in db.execute("select id, body from packs").fetchall():
            if b"[redacted " in body:
                changed = body.replace(b"[redacted ", b"[Redacted ")
                db.execute("update packs set body = ? where id = ?", (changed, number))
    db.close()
    wrong = played(SqliteStore(tmp_path / "runs.db"), lambda store: store.verify("r"))
    assert len(wrong) == 1
    assert "events 4 to 4 are not what was written" in wrong[0]


def test_a_redaction_that_was_cut_short_is_told(tmp_path):
    """It says first what it takes out; a kill in between leaves that, and `verify` says what is still there."""
    store = SqliteStore(tmp_path / "runs.db")

    async def scene(store):
        from coterie.stores.pruning import Pruner

        lease = await kept(store, "r", EVENTS)
        whole = Pruner.rewrite
        Pruner.rewrite = lambda *_: None
        try:
            await store.redact(lease, [4], WHO, WHY, WHEN)
        finally:
            Pruner.rewrite = whole
        cut = await store.verify("r")
        await store.redact(lease, [4], WHO, WHY, WHEN)
        return cut, await store.verify("r")

    cut, mended = played(store, scene)
    assert cut == ["run 'r': events 4 to 4 were to be redacted, and are still there: redact them again"]
    assert mended == []


def test_every_mention_is_noticed():
    """A name beside another, or within its bytes, is noticed as well."""
    name = bytes(range(32))
    assert name in mentioned(b"\xc7\x20\x01" * 3 + b"\xc7\x20\x01" + name)
    assert name in mentioned(b"xx\xc4\x20" + name + b"\xc4\x20" + name)
    assert mentioned(b"\xc4\x20" + name[:-1]) == set()
