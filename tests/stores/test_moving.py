"""Moving runs from a file to a PostgreSQL and back: whole, checked, once, and again after a kill."""

from __future__ import annotations

import asyncio
import itertools

import psycopg
import pytest
from click.testing import CliRunner

from coterie import Agent, Ask, Hear, Sleep, Team, run
from coterie.doors.cli.commands import coterie
from coterie.errors import Corrupt
from coterie.models import scripted
from coterie.shell.host import Host
from coterie.shell.moving import move, move_ledgers
from coterie.stores import SqliteStore
from coterie.stores.ledgers import SqliteLedgers
from coterie.stores.pgledgers import PostgresLedgers
from coterie.stores.postgres import PostgresStore
from coterie.testing.journals import seen
from coterie.words.event import Signalled
from tests.stores.servers import postgres

ECHO = scripted(lambda think: f"{think.actor}: {think.thread[-1].text}")
LONG = "a long story. " * 20_000
_tenants = itertools.count()


async def _asking(task):
    colour = await Ask("Colour?")
    await Sleep(0)
    return f"{colour} {await Hear('word', outside=True)}"


TEAMS = {"asks": Team("asks", (), _asking), "a": Agent("a")}


@pytest.fixture(scope="module")
def url():
    with postgres() as address:
        yield address


@pytest.fixture
def stores(url, tmp_path):
    return SqliteStore(tmp_path / "runs.db"), PostgresStore(url, tenant=f"moved-{next(_tenants)}")


def host(store):
    return Host(store, actor_of=lambda began: TEAMS[began.actor], model=lambda _: ECHO)


async def filled(store):
    """Two runs that have ended, one of them with a large text, and one that waits."""
    await run(TEAMS["a"], "hello", id="short", store=store, model=ECHO)
    await run(TEAMS["a"], LONG, id="long", store=store, model=ECHO)
    await run(TEAMS["asks"], "go", id="asks", store=store)
    return [seen(await store.read(name)) for name in ("short", "long", "asks")]


@pytest.mark.parametrize("way", ["to the server", "to the file"])
def test_runs_are_at_the_new_place_as_they_were(stores, way):
    """Every record and every hash; here is left a line that says where they went. A run that waits goes on there."""
    source, target = stores if way == "to the server" else stores[::-1]

    async def scene():
        before = await filled(source)
        heads = [[page.hash for page in (await source.kept(one)).pages] for one in ("short", "long", "asks")]
        await source.signal("asks", Signalled("message", "word", "hello"))
        moved = await move(source, target, at=1.0, where="there", by="ada")
        after = [seen(await target.read(name)) for name in ("short", "long", "asks")]
        kept = [[page.hash for page in (await target.kept(one)).pages] for one in ("short", "long", "asks")]
        problems = [await target.verify(name) for name in ("short", "long", "asks")]
        left, gone = await source.runs(), [(one.run, one.by, one.why) for one in await source.pruned()]
        there = host(target)
        [asked] = await there.questions()
        await there.answer(asked.id, "red", by="ada")
        result = await there.wait("asks")
        for store in (source, target):
            await store.close()
        return (
            before == after,
            heads == kept,
            problems,
            [one.why for one in moved],
            left,
            sorted(gone),
            result.text,
        )

    same, hashes, problems, why, left, gone, text = asyncio.run(scene())
    assert (same, hashes, problems, why, left) == (True, True, [[]] * 3, [""] * 3, [])
    assert gone == [(name, "ada", "moved to there") for name in ("asks", "long", "short")]
    assert text == "red hello"


def test_a_run_that_somebody_performs_stays(stores):
    """It is named, with who has it; the others go."""
    source, target = stores

    async def scene():
        await filled(source)
        lease = await source.claim("short")
        moved = await move(source, target, at=1.0, where="there")
        await source.release(lease)
        left = [one.id for one in await source.runs()]
        for store in (source, target):
            await store.close()
        return {one.run: one.why for one in moved}, left

    why, left = asyncio.run(scene())
    assert "is being worked on" in why.pop("short")
    assert (set(why.values()), left) == ({""}, ["short"])


def test_it_goes_on_after_a_kill(stores):
    """What is there already, as it is here, is only let go of; another run of that name is left alone."""
    source, target = stores

    async def scene():
        await filled(source)
        await target.adopt("long", await source.kept("long"))  # and killed
        await run(TEAMS["a"], "something else", id="short", store=target, model=ECHO)
        moved = await move(source, target, at=1.0, where="there")
        left = [one.id for one in await source.runs()]
        for store in (source, target):
            await store.close()
        return {one.run: one.why for one in moved}, left

    assert asyncio.run(scene()) == (
        {"short": "another run of that name is there", "long": "", "asks": ""},
        ["short"],
    )


def test_what_was_changed_does_not_go(stores, tmp_path):
    """A journal that is not what was written stays, and is named."""
    source, target = stores

    async def scene():
        await filled(target)
        async with await psycopg.AsyncConnection.connect(target.url, autocommit=True) as db:
            await db.execute(
                "update pages set hash = '\\x00' where seq = 0 and run = "
                "(select id from runs where tenant = %s and name = 'long')",
                (target.tenant,),
            )
        try:
            await move(target, source, at=1.0, where="there")
        finally:
            left = {one.id for one in await target.runs()}
            for store in (source, target):
                await store.close()
        return left

    with pytest.raises(Corrupt, match="run 'long' stays where it is"):
        asyncio.run(scene())


@pytest.mark.parametrize("way", ["to the server", "to the file"])
def test_ledgers_keep_the_times_of_their_entries(url, tmp_path, way):
    """Each entry is at the new place under its number, with its time; a move that was cut short goes on."""
    both = SqliteLedgers(tmp_path / "ledgers.db"), PostgresLedgers(url, tenant=f"moved-{next(_tenants)}")
    source, target = both if way == "to the server" else both[::-1]

    async def scene():
        for n in range(3):
            await source.append("topics/a", {"n": n}, when=1000.5 + n)
        await source.append("boards/b", "x")
        before = [await source.read(name) for name in ("topics/a", "boards/b")]
        await target.append("topics/a", {"n": 0}, when=1000.5)  # and killed
        moved = await move_ledgers(source, target)
        after = [await target.read(name) for name in ("topics/a", "boards/b")]
        left = await source.heads("")
        for ledgers in both:
            await ledgers.close()
        return moved, before == after, left

    assert asyncio.run(scene()) == (2, True, [])


def test_the_command_moves_and_copies(url, tmp_path, monkeypatch):
    """From a file to a server and back; a copy leaves what is here, and takes only what has ended."""
    monkeypatch.chdir(tmp_path)
    tenant = f"moved-{next(_tenants)}"

    async def begin():
        store = SqliteStore(tmp_path / "tenants" / tenant / "runs.db")
        await filled(store)
        await store.close()

    def moved(*words):
        done = CliRunner().invoke(coterie, ["move", "--tenant", tenant, *words])
        return done.exit_code, done.stdout.partition(" to ")[0], done.stdout.partition(", ")[2].strip()

    asyncio.run(begin())
    there, back = ("--from", "runs.db", "--to", url), ("--from", url, "--to", "again.db")
    assert moved(*there, "--copy") == (1, "2 runs and 0 ledgers copied", "1 stay")
    assert moved(*there) == (0, "3 runs and 0 ledgers moved", "0 stay")
    assert moved(*back) == (0, "3 runs and 0 ledgers moved", "0 stay")
    assert moved(*back) == (0, "0 runs and 0 ledgers moved", "0 stay")
    assert moved("--from", "x", "--to", "x")[0] == 2
