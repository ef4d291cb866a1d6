"""PostgreSQL keeps what every store promises, on a real server."""

from __future__ import annotations

import asyncio
import itertools

import psycopg
import pytest

from coterie import Agent, Hear, Sleep, Team, cancel, do, start, within
from coterie.errors import BadInput, Busy, Fenced, StoreUnavailable
from coterie.models import scripted
from coterie.ports import Store
from coterie.stores.postgres import PostgresStore
from coterie.testing import KeeperPromises, TallyPromises
from coterie.words.event import Opened, Record, Settled, Signalled
from tests.stores.servers import postgres

_tenants = itertools.count()


@pytest.fixture(scope="session")
def url():
    with postgres() as address:
        yield address


class TestPostgresStore(KeeperPromises, TallyPromises):
    @pytest.fixture
    def store(self, url) -> Store:
        self.url, self.tenant = url, f"tenant-{next(_tenants)}"
        return PostgresStore(url, tenant=self.tenant)

    def reopen(self, store: Store) -> Store:
        return PostgresStore(self.url, tenant=self.tenant)


@pytest.fixture
def tenant():
    return f"tenant-{next(_tenants)}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "update pages set body = set_byte(body, 9, (get_byte(body, 9) + 1) & 255) where run = {run} and seq > 0",
            "are not what was written",
        ),
        ("delete from pages where run = {run} and seq = 0", "events 0 to"),
        (
            "delete from pages where run = {run} and seq = (select max(seq) from pages where run = {run})",
            "missing at the end",
        ),
        ("update pages set hash = body where run = {run} and seq = 0", "are not what was written"),
    ],
)
def test_a_changed_or_dropped_event_is_found(url, tenant, change, said):
    """Whatever is done to the rows of a run that was given back."""

    async def scene():
        store = PostgresStore(url, tenant=tenant)
        run = await Agent("a").run("x", model=scripted("y"), store=store)
        good = await store.verify(run.id)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as db:
            cursor = await db.execute("select id from runs where name = %s", (run.id,))
            await db.execute(change.format(run=(await cursor.fetchone())[0]))
        bad = await store.verify(run.id)
        await store.close()
        return good, "; ".join(bad)

    good, bad = asyncio.run(scene())
    assert (good, said in bad) == ([], True), bad


def test_p03_a_lease_ends_and_who_had_it_writes_nothing(url, tenant):
    """Another process takes the run over when its lease is over; the one that slept is fenced."""

    async def scene():
        slow, quick = (PostgresStore(url, tenant=tenant, lease=lease) for lease in (0.05, 30))
        lease = await slow.claim("r")
        await slow.append(lease, [Record(0, 1.0, Opened(run="r", actor="a", task="t"))])
        slow._tasks[0].cancel()  # it sleeps: nothing renews its lease
        while True:
            try:
                await quick.claim("r")
                break
            except Busy:
                await asyncio.sleep(0.01)
        with pytest.raises(Fenced):
            await slow.append(lease, [Record(1, 1.0, Settled("x"))])
        found = len(await quick.read("r"))
        await slow.close()
        await quick.close()
        return found

    assert asyncio.run(scene()) == 1


@pytest.mark.parametrize("taken", [True, False])
def test_p03_an_answer_that_comes_after_the_lease_is_not_believed(url, tenant, taken):
    """What was written in time is in the journal, but nothing more is done if another has taken the run over since."""

    async def scene():
        slow, quick = (PostgresStore(url, tenant=tenant, lease=lease) for lease in (0.3, 30))
        lease = await slow.claim("r")
        await slow.append(lease, [Record(0, 1.0, Opened(run="r", actor="a", task="t"))])
        slow._tasks[0].cancel()  # it sleeps: nothing renews its lease
        added, over = slow._commits.add, asyncio.get_running_loop().time() + 0.3

        async def late(*given):
            written = await added(*given)
            while asyncio.get_running_loop().time() <= over or (taken and not await _claimed(quick)):
                await asyncio.sleep(0.01)
            return written

        slow._commits.add = late
        try:
            await slow.append(lease, [Record(1, 1.0, Settled("x"))])
        except Fenced:
            believed = False
        else:
            believed = True
        found = len(await quick.read("r"))
        await slow.close()
        await quick.close()
        return believed, found

    assert asyncio.run(scene()) == (not taken, 2)


async def _claimed(store):
    try:
        await store.claim("r")
    except Busy:
        return False
    return True


def test_p21_tenants_share_nothing(url, tenant):
    """The same name is another run for another tenant, and is not there before it was written."""

    async def scene():
        one, other = PostgresStore(url, tenant=f"{tenant}a"), PostgresStore(url, tenant=f"{tenant}b")
        await Agent("a").run("canary", model=scripted("canary" * 20_000), store=one, id="same")
        before = (await other.read("same"), await other.runs(), await other.verify("same"))
        await other.signal("same", Signalled("cancel"))
        await Agent("a").run("hello", model=scripted("hello"), store=other, id="same")
        texts = [(await store.read("same"))[0].event.task for store in (one, other)]
        await one.close()
        await other.close()
        return before, texts

    before, texts = asyncio.run(scene())
    assert before == ([], [], ["no run 'same'"])
    assert texts == ["canary", "hello"]


def test_what_others_say_is_heard(url, tenant):
    """A cancel from another process reaches the run, wherever it is performed."""

    async def scene():
        mine, other = PostgresStore(url, tenant=tenant), PostgresStore(url, tenant=tenant)
        run = start(Team("slow", (), _slowly), "x", store=mine, id="r")
        await run.begun()
        await cancel("r", store=other)
        result = await run.result()
        await mine.close()
        await other.close()
        return result.status

    assert asyncio.run(scene()) == "cancelled"


async def _slowly(task):
    await Sleep(3600)
    return task.text


def test_a_server_that_is_not_there_is_said():
    """One clear error, and nothing hangs."""
    store = PostgresStore("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable, match="is the server there"):
        asyncio.run(store.read("r"))
    with pytest.raises(BadInput, match="'full' or 'relaxed'"):
        PostgresStore("postgresql://", durability="normal")


async def cut(admin):
    """Have the server end every connection but this."""
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where pid <> pg_backend_pid() and backend_type = 'client backend'"
    )


def test_a_run_is_given_back_though_its_connection_is_lost(url, tenant):
    """Nobody has to wait for the end of a lease that is not needed any more."""

    async def scene():
        store, other = (PostgresStore(url, tenant=tenant) for _ in range(2))
        lease = await store.claim("r")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
            await cut(admin)
        await store.release(lease)
        again = await other.claim("r")
        await store.close()
        await other.close()
        return again.epoch

    assert asyncio.run(scene()) == 2


def test_a_server_that_is_lost_for_a_while_ends_no_run(url, tenant):
    """Its connections are cut again and again: what was being written is there once, and what was said is heard."""

    async def step(n: int) -> int:
        return n

    async def play(task):
        done = [await do(step, n) for n in range(50)]
        return f"{sum(done)} {await within(60, Hear('word', outside=True))}"

    async def scene():
        store, other = (PostgresStore(url, tenant=tenant) for _ in range(2))
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
            runs = [start(Team("steps", (), play), id=f"r{n}", store=store) for n in range(20)]
            for run in runs:
                await run.begun()
            for _ in range(5):
                await asyncio.sleep(0.05)
                await cut(admin)
            for run in runs:
                while not (said := await _signalled(other, run.id)):
                    await asyncio.sleep(0.05)
            results = [await run.result() for run in runs]
        problems = [await store.verify(run.id) for run in runs]
        counts = [len(await store.read(run.id)) for run in runs]
        await store.close()
        await other.close()
        return {one.text for one in results}, problems, len(set(counts)), said

    async def _signalled(other, run):
        try:
            await other.signal(run, Signalled("message", "word", "hello"))
        except StoreUnavailable:
            return False
        return True

    assert asyncio.run(scene()) == ({"1225 hello"}, [[]] * 20, 1, True)
