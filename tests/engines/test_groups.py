"""Groups of runs: each message is heard by one member, on one machine and over NATS with the same words."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from coterie import Group, Hear, Task, Team, Tell, gather, replay, run, within
from coterie.engines import groups as nats_groups
from coterie.engines.local import LocalEngine
from coterie.engines.nats import NatsEngine
from coterie.errors import BadInput, Late
from coterie.shell.alarm import Alarm
from coterie.shell.host import Host
from coterie.shell.worker import Worker
from coterie.stores import MemoryStore, SqliteStore
from coterie.stores import told as rows
from coterie.stores.pgtold import PostgresGroups
from coterie.stores.places import store_at
from coterie.stores.postgres import PostgresStore
from coterie.testing import GroupPromises
from coterie.words.effect import Tainted
from tests.stores.servers import nats

_queues = itertools.count()


class TestSqliteGroups(GroupPromises):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(rows, "GIVEN", 0.5)
        self._path, self._made = tmp_path / "runs.db", []

    def groups(self):
        store = SqliteStore(self._path)
        self._made.append(store)
        return rows.SqliteGroups(store._db, self._path, 0.5)

    async def leave(self):
        for store in self._made:
            await store.close()


TAKER = """
import asyncio, sys
from coterie.stores.places import store_at

async def take():
    groups = store_at(sys.argv[1]).groups
    groups._given = 3600.0
    told = await groups.take("g", "t")
    print(told.said, flush=True)
    await asyncio.sleep(3600)

asyncio.run(take())
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_a_dead_process_was_given_is_given_to_another_at_once(request, kind, tmp_path):
    """Long before it would be because the dead one says nothing, which takes an hour here."""
    place = str(tmp_path / "runs.db") if kind == "sqlite" else request.getfixturevalue("server")

    async def scene():
        store = store_at(place)
        await store.groups.tell("g", "t", "hello", f"{tmp_path}")
        with subprocess.Popen([sys.executable, "-c", TAKER, place], stdout=subprocess.PIPE) as taker:
            first = await asyncio.to_thread(taker.stdout.readline)
            taker.kill()
        told = await asyncio.wait_for(store.groups.take("g", "t"), 60)
        await told.done()
        await store.close()
        return first, told.said

    assert asyncio.run(scene()) == (b"hello\n", "hello")


class TestPostgresGroups(GroupPromises):
    @pytest.fixture(autouse=True)
    def _tenant(self, server):
        self._url, self._whose, self._made = server, f"groups{next(_queues)}", []

    def groups(self):
        store = PostgresStore(self._url, tenant=self._whose)
        self._made.append(store)
        return PostgresGroups(store._links, self._whose, 0.5)

    async def leave(self):
        for store in self._made:
            await store.close()


class TestNatsGroups(GroupPromises):
    @pytest.fixture(autouse=True)
    def _cluster(self, broker):
        self._url, self._queue, self._made = broker.url, f"groups{next(_queues)}", []

    def groups(self):
        engine = NatsEngine(self._url, queue=self._queue, given=0.2)
        self._made.append(engine)
        return engine.groups_of("t")

    async def leave(self):
        for engine in self._made:
            await engine.close()


async def _member(task):
    """Hear until it is told that this was all; what it heard is what it says."""
    heard = []
    while (said := await Hear("work", group="hands"))["body"] != "enough":
        heard.append(said["body"])
    return ",".join(map(str, heard))


async def _teller(task):
    await gather(*(Tell(Group("hands"), "work", n) for n in range(task.data)))
    return "told"


async def _asker(task):
    await Tell(Group("desk"), "questions", 4, reply="answers")
    answer = await Hear("answers", outside=True)
    return f"4 times 2 is {answer['body']}"


async def _desk(task):
    asked = await Hear("questions", group="desk")
    await Tell(asked["sender"], asked["reply"], asked["body"] * 2)
    return "asked"


async def _ends(task):
    for _ in range(task.data):
        await Tell(Group("hands"), "work", "enough")
    return "over"


async def _impatient(task):
    try:
        return (await within(0.05, Hear("work", group="hands")))["body"]
    except Late:
        return "nothing came"


TEAMS = {
    name: Team(name, (), play)
    for name, play in {
        "member": _member,
        "teller": _teller,
        "asker": _asker,
        "desk": _desk,
        "ends": _ends,
        "impatient": _impatient,
    }.items()
}


@pytest.fixture(params=["local", "nats"])
def engines(request):
    """Makes engines of one cluster: an engine of this process has its messages in the store, NATS carries them."""
    if request.param == "local":
        one = LocalEngine()
        return lambda: one
    broker, queue = request.getfixturevalue("broker"), f"groups{next(_queues)}"
    return lambda: NatsEngine(broker.url, queue=queue)


@asynccontextmanager
async def cluster(path, engines, workers=2):
    """A desk that begins runs, and workers that perform them, each with its own store on one file."""
    async with AsyncExitStack() as stack:
        hosts = []
        for _ in range(workers + 1):
            engine, store = engines(), SqliteStore(path)
            hosts.append(Host(store, actor_of=lambda began: TEAMS[began.actor], engine=engine))
            stack.push_async_callback(engine.close)
            stack.push_async_callback(store.close)
            stack.push_async_callback(hosts[-1].close)
        for host in hosts[1:]:
            working = asyncio.create_task(Worker(host._engine, lambda _, host=host: host).work())
            stack.push_async_callback(asyncio.wait, [working])
            stack.callback(working.cancel)
        alarm = Alarm(lambda: hosts[:1])
        stack.push_async_callback(alarm.close)
        yield hosts[0]


async def ended(desk, run):
    """What a run comes to, whoever has to move it."""
    async for _ in desk.events(run, on=True):
        pass
    return await desk.result(run)


def test_one_of_a_group_hears_each_message(engines, tmp_path):
    """Of several runs on several workers; a replay of each hears the same again, and asks nobody."""

    async def scene():
        async with cluster(tmp_path / "runs.db", engines) as desk:
            members = [await desk.begin(TEAMS["member"], f"member {n}") for n in range(3)]
            await desk.wait(await desk.begin(TEAMS["teller"], Task(data=40)))
            await desk.wait(await desk.begin(TEAMS["ends"], Task(data=3)))
            ended = [await desk.wait(run) for run in members]
            again = [await replay(TEAMS["member"], run, store=desk.store) for run in members]
            return [one.text for one in ended], [one.text for one in again]

    heard, again = asyncio.run(scene())
    assert sorted(int(n) for one in heard for n in one.split(",") if n) == list(range(40))
    assert again == heard


def test_one_of_a_group_answers_a_request(engines, tmp_path):
    """Whichever hears it; the others still wait."""

    async def scene():
        async with cluster(tmp_path / "runs.db", engines) as desk:
            members = [await desk.begin(TEAMS["desk"], f"desk {n}") for n in range(2)]
            asked = await ended(desk, await desk.begin(TEAMS["asker"], "go"))
            while (statuses := sorted([(await desk.result(run)).status for run in members]))[1] == "running":
                await asyncio.sleep(0.01)
            await desk.cancel(members[0])
            await desk.cancel(members[1])
            return asked.text, statuses

    assert asyncio.run(scene()) == ("4 times 2 is 8", ["running", "succeeded"])


def test_a_deadline_ends_the_wait_and_takes_no_message_along(engines, tmp_path):
    """Who waits no more for a group leaves what comes to others."""

    async def scene():
        async with cluster(tmp_path / "runs.db", engines) as desk:
            first = await desk.wait(await desk.begin(TEAMS["impatient"], "go"))
            await desk.wait(await desk.begin(TEAMS["teller"], Task(data=1)))
            member = await desk.begin(TEAMS["member"], "go")
            await desk.wait(await desk.begin(TEAMS["ends"], Task(data=1)))
            return first.text, (await desk.wait(member)).text

    assert asyncio.run(scene()) == ("nothing came", "0")


def test_while_the_broker_is_away_whoever_tells_or_hears_waits():
    """Nothing is lost, and nothing comes twice."""

    async def scene(broker):
        engines = [NatsEngine(broker.url, queue="away") for _ in range(2)]
        desk, hand = (engine.groups_of("t") for engine in engines)
        await desk.tell("g", "t", "before", "r:1")
        waiting = asyncio.create_task(hand.take("h", "t"))
        await asyncio.sleep(0.1)
        broker.stop()
        telling = asyncio.create_task(desk.tell("h", "t", "meanwhile", "r:2"))
        await asyncio.sleep(0.1)
        broker.start()
        await telling
        found = [await waiting, await hand.take("g", "t")]
        for told in found:
            await told.done()
        for engine in engines:
            await engine.close()
        return [told.said for told in found]

    with nats() as broker:
        assert asyncio.run(asyncio.wait_for(scene(broker), 60)) == ["meanwhile", "before"]


def test_a_broker_that_has_forgotten_everything_is_told_anew(broker, monkeypatch):
    """As one that was set up again: who waits is served, and who tells is heard."""
    monkeypatch.setattr(nats_groups, "LONG", 0.5)

    async def scene():
        engines = [NatsEngine(broker.url, queue="anew") for _ in range(2)]
        desk, hand = (engine.groups_of("t") for engine in engines)
        await desk.tell("g", "t", "before", "r:1")
        await (await hand.take("g", "t")).done()
        waiting = asyncio.create_task(hand.take("g", "t"))
        await asyncio.sleep(0.1)
        await (await engines[0]._opened()).delete_stream(nats_groups.STREAM)
        await desk.tell("g", "t", "after", "r:2")
        told = await waiting
        await told.done()
        for engine in engines:
            await engine.close()
        return told.said

    assert asyncio.run(asyncio.wait_for(scene(), 60)) == "after"


def test_a_member_that_is_slow_keeps_no_message_from_others(broker):
    """What was fetched for it, because it was quick before, goes to whoever waits."""

    async def scene():
        quick, other = (NatsEngine(broker.url, queue="slow", given=60) for _ in range(2))
        groups, others = quick.groups_of("t"), other.groups_of("t")
        for n in range(100):
            await groups.tell("g", "t", n, f"r:{n}")
        mine = [await groups.take("g", "t") for _ in range(20)]
        theirs = []
        async with asyncio.timeout(60):  # far sooner than what was given counts as lost
            while len(theirs) < 80:
                theirs.append(await others.take("g", "t"))
        for told in [*mine, *theirs]:
            await told.done()
        await quick.close()
        await other.close()
        return sorted(told.said for told in [*mine, *theirs])

    assert asyncio.run(scene()) == list(range(100))


def test_what_a_group_says_taints_whoever_hears_it():
    """Whoever wrote it is no member of the run, as with all that comes from outside."""

    async def hears(task):
        await Hear("work", group="hands")
        return str(await Tainted())

    async def scene():
        store = MemoryStore()
        await store.groups.tell("hands", "work", {"body": "do it"}, "r:1")
        return await run(Team("hears", (), hears), "go", store=store)

    assert "message to group hands on work" in asyncio.run(scene()).text


def test_what_the_broker_does_not_take_is_said(broker):
    """A message that is too large for it, by whom and how large; nobody waits for ever."""

    async def scene():
        engine = NatsEngine(broker.url, queue="large")
        with pytest.raises(BadInput, match="too large"):
            await engine.groups_of("t").tell("g", "t", "x" * 2_000_000, "r:1")
        await engine.close()

    asyncio.run(scene())
