"""What is said to a run has its effect once, whoever and whatever dies between its reading and its journal."""

from __future__ import annotations

import asyncio
import itertools
from urllib.parse import urlsplit

import pytest

from coterie import Hear, Team, start
from coterie.errors import StoreUnavailable
from coterie.shell.run import resume
from coterie.stores import SqliteStore
from coterie.stores.postgres import PostgresStore
from coterie.testing.journals import numbered, opening
from coterie.testing.signals import Ear, say
from coterie.words.event import Signalled
from tests.stores.servers import postgres_server

WORDS = [f"word {n}" for n in range(12)]
_tenants = itertools.count()


@pytest.fixture(scope="module")
def server():
    with postgres_server() as one:
        yield one


class Cable:
    """Carries connections to a server, and cuts one where the server has answered a question, before that arrives."""

    def __init__(self, socket):
        self._socket = socket
        self._asked = b""
        self._cutting = False
        self._carrying = set()
        self._open = set()
        self.cuts = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._carried, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.gather(*self._carrying)

    def cut_after(self, asked):
        """Cut the connection on which this is asked next."""
        self._asked, self._cutting = asked, True

    async def _carried(self, near, back):
        self._carrying.add(asyncio.current_task())
        far, there = await asyncio.open_unix_connection(self._socket)
        self._open |= {there, back}
        asked = bytearray()
        ways = {
            asyncio.create_task(self._ask(near, there, asked)),
            asyncio.create_task(self._answer(far, back, asked)),
        }
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for writer in (there, back):
            writer.transport.abort()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _ask(self, near, there, asked):
        while data := await near.read(65536):
            asked += data
            there.write(data)

    async def _answer(self, far, back, asked):
        while data := await far.read(65536):
            if self._cutting and self._asked in asked:
                self._cutting, self.cuts = False, self.cuts + 1
                return
            asked.clear()
            back.write(data)


def through(cable, url, tenant, **how):
    """A store whose every byte goes through a cable."""
    at = urlsplit(url)
    return PostgresStore(
        f"postgresql://postgres@127.0.0.1:{cable.port}{at.path}?gssencmode=disable", tenant=tenant, **how
    )


async def _listens(task):
    heard = [await Hear("word", outside=True) for _ in WORDS]
    return " ".join(heard)


LISTENS = Team("listens", (), _listens)


@pytest.mark.parametrize("asked", [b"from signals where tenant", b"with fence"])
def test_nothing_is_lost_or_heard_twice_where_the_connection_dies(server, asked):
    """The server has read what was said, or has written the journal that tells of it, and its answer never comes."""

    async def scene():
        tenant = f"cut-{next(_tenants)}"
        other = PostgresStore(server.url, tenant=tenant)
        async with Cable(server.socket) as cable:
            mine = through(cable, server.url, tenant)
            run = start(LISTENS, store=mine, id="r")
            await run.begun()
            for n, word in enumerate(WORDS):
                if n % 3 == 0:
                    cable.cut_after(asked)
                await other.signal("r", Signalled("message", "word", word))
                async with asyncio.timeout(30):
                    while not any(word in str(record.event) for record in await other.read("r")):
                        await asyncio.sleep(0.02)
            result = await run.result()
            told = [one.event.value for one in await other.read("r") if isinstance(one.event, Signalled)]
            left, problems = await other.said("r"), await other.verify("r")
            await mine.close()
        await other.close()
        return result.text, told, left, problems, cable.cuts

    text, told, left, problems, cuts = asyncio.run(scene())
    assert (text, told, left, problems) == (" ".join(WORDS), WORDS, [], [])
    assert cuts >= 1


def test_a_claim_whose_signals_never_come_is_none(server):
    """Whoever claims next hears them, and nobody in this process is in the way."""

    async def scene():
        tenant = f"cut-{next(_tenants)}"
        other, ear = PostgresStore(server.url, tenant=tenant), Ear()
        lease = await other.claim("r")
        await other.append(lease, numbered([opening("r")]))
        await other.release(lease)
        await say(other, "x", "y")
        async with Cable(server.socket) as cable:
            mine = through(cable, server.url, tenant, lease=0.2)
            cable.cut_after(b"from signals where tenant")
            with pytest.raises(StoreUnavailable):
                await mine.claim("r", ear)
            await asyncio.sleep(0.3)
            await mine.claim("r", ear)
            await ear.hears("x", "y")
            await mine.close()
        await other.close()

    asyncio.run(scene())


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """A function that opens the same place again and again, as processes do."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "runs.db", lease=0.2)
    url, tenant = request.getfixturevalue("server").url, f"dies-{next(_tenants)}"
    return lambda: PostgresStore(url, tenant=tenant, lease=0.2)


@pytest.mark.parametrize("dies", [True, False])
def test_what_a_process_has_heard_and_not_written_is_heard_by_the_next(place, dies):
    """A process that dies between the two, and one that could write it: the run's code is told each word once."""

    async def scene():
        first, second = place(), place()
        lease, ear = await first.claim("r"), Ear()
        await first.append(lease, numbered([opening("r")]))
        await first.release(lease)
        await say(second, *WORDS[:3])
        lease = await first.claim("r", ear)
        await ear.hears(*WORDS[:3])
        if dies:
            _sleeps(first)
            await asyncio.sleep(0.3)
        else:
            await first.append(lease, numbered([Signalled("message", "t", WORDS[0])], 1), ear.numbers[:1])
            await first.release(lease)
        heir = Ear()
        await second.claim("r", heir)
        await heir.hears(*(WORDS[:3] if dies else WORDS[1:3]))
        await first.close()
        await second.close()

    asyncio.run(scene())


def _sleeps(store):
    """Have a store renew nothing any more."""
    if isinstance(store, SqliteStore):
        store._beat.cancel()
    else:
        store._tasks[0].cancel()


def test_an_answer_that_came_for_no_question_is_refused_and_gone(place):
    """It does not bring the run back again and again."""

    async def scene():
        store = place()
        await start(LISTENS, store=store, id="r", attended=False).result()
        await store.signal("r", Signalled("answer", "listens/ask.9", {"value": "yes", "by": "ada"}))
        await resume(LISTENS, "r", store=store)
        kinds = [one.event.kind for one in await store.read("r") if isinstance(one.event, Signalled)]
        left = await store.said("r")
        await store.close()
        return kinds, left

    assert asyncio.run(scene()) == (["refused"], [])
