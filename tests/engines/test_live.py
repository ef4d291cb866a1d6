"""Live words: what models say in a run is seen wherever somebody watches it, before it is in the journal."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys

import httpx

from coterie import Agent
from coterie.engines.nats import NatsEngine
from coterie.shell import watch
from coterie.shell.air import Heard
from coterie.shell.host import Host
from coterie.shell.sayings import Watcher
from coterie.shell.worker import Worker
from coterie.stores import MemoryStore
from coterie.words.delta import Delta, News, Piece, Retracted
from coterie.words.effect import Stored
from coterie.words.event import Asked, Record, Settled
from coterie.words.message import Message
from tests.engines.test_processes import SOURCE

TOKEN = "a-token-of-this-test"  # noqa: S105 - a test's
TEAM = '''
import asyncio
from pathlib import Path
from coterie import Agent, Message
from coterie.words.delta import Delta

GO = Path(__file__).with_name("go")

class Slow:
    """Says two words, and the second only when it is let."""

    async def __call__(self, think):
        return await self.stream(think, lambda delta: None)

    async def stream(self, think, tell):
        tell(Delta("once "))
        while not GO.exists():
            await asyncio.sleep(0.01)
        tell(Delta("upon"))
        return Message(sender=think.actor, text="once upon")

team = Agent("slow", model=Slow())
'''
_queues = itertools.count()


def process(folder, *words):
    """A command of ours as another host would run it."""
    return subprocess.Popen(
        [sys.executable, "-m", "coterie", *words],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")]),
            "COTERIE_TOKEN": TOKEN,
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def line_with(process, words):
    """Wait for a line of what a process says."""
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended before it said {words!r}")


async def answers(client):
    """Whether a service listens by now."""
    try:
        await client.get("/v1/runs")
    except httpx.ConnectError:
        return False
    return True


def test_words_are_seen_at_a_replica_before_their_step_has_ended(broker, server, tmp_path):
    """A worker performs, another process serves, NATS and PostgreSQL are between them: two words, then the record."""
    (tmp_path / "team.py").write_text(TEAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cluster = ["--store", server, "--engine", broker.url]
    team = f"slow={tmp_path / 'team.py'}:team"
    processes = [
        process(tmp_path, "worker", *cluster),
        process(tmp_path, "serve", team, *cluster, "--port", str(port)),
    ]

    async def scene():
        seen = []
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=30,
            trust_env=False,
        ) as client:
            while not await answers(client):
                await asyncio.sleep(0.05)
            begun = await client.post("/v1/runs", json={"team": "slow", "task": "go"})
            run = begun.raise_for_status().json()["id"]
            async with client.stream("GET", f"/v1/runs/{run}/events", params={"live": "true"}) as events:
                async for line in events.aiter_lines():
                    if line.startswith("event: "):
                        seen.append(line.removeprefix("event: "))
                    if seen[-1:] == ["piece"] and not (tmp_path / "go").exists():
                        (tmp_path / "go").touch()
                    if seen[-1:] == ["closed"]:
                        break
        return seen

    try:
        line_with(processes[0], "working on")
        line_with(processes[1], "serving on")
        seen = asyncio.run(asyncio.wait_for(scene(), 60))
    finally:
        for one in processes:
            one.kill()
            one.communicate()
    assert seen.index("asked") < seen.index("piece") < seen.index("settled") < seen.index("closed")


class Said:
    """A model that says what it is given, and waits before it says it."""

    def __init__(self, words, gate):
        self._words = words
        self._gate = gate

    async def __call__(self, think):
        return await self.stream(think, lambda _: None)

    async def stream(self, think, tell):
        tell(Delta(self._words[0]))
        await self._gate.wait()
        for word in self._words[1:]:
            tell(Delta(word))
        return Message(sender=think.actor, text="".join(self._words))


async def _performed(broker, watching):
    """What two hosts of a queue have seen of a run that one performs and `watching` watches at the other."""
    queue, gate = f"live{next(_queues)}", asyncio.Event()
    store, actor = MemoryStore(), Agent("teller", model=Said(["once ", "upon ", "a time"], gate))
    engines = [NatsEngine(broker.url, queue=queue) for _ in range(3)]
    desk, hand = (
        Host(store, actor_of=lambda _: actor, engine=engine, overhear=True) for engine in engines[:2]
    )
    said = []

    async def heard(message):
        said.append(message)

    await (await engines[2]._connected()).subscribe("coterie-live.>", cb=heard)
    worker = Worker(engines[1], lambda _: hand)
    working = asyncio.create_task(worker.work())
    run = await desk.begin(actor, "go")
    seen = await watching(desk, run, gate)
    await (await engines[2]._connected()).flush()
    working.cancel()
    await asyncio.wait([working])
    await worker.drain(5)
    for engine in engines:
        await engine.close()
    return seen, len(said)


def test_where_nobody_watches_nothing_is_told(broker):
    """A run that nobody watches costs the broker nothing but its dispatch."""

    async def watching(desk, run, gate):
        gate.set()
        while (await desk.runs())[0].status != "succeeded":
            await asyncio.sleep(0.01)
        return await desk.result(run)

    seen, said = asyncio.run(_performed(broker, watching))
    assert (seen.text, said) == ("once upon a time", 0)


def test_who_comes_later_is_shown_an_answer_from_its_beginning(broker):
    """And whoever watches already is shown nothing twice."""

    async def watching(desk, run, gate):
        async def words():
            found = []
            async for one in desk.stream(run):
                if isinstance(one, Piece):
                    found.append(one.text)
                    came.set()
            return "".join(found)

        first, came = asyncio.create_task(words()), asyncio.Event()
        await came.wait()
        came.clear()
        second = asyncio.create_task(words())
        await came.wait()
        gate.set()
        return await asyncio.gather(first, second)

    seen, _ = asyncio.run(asyncio.wait_for(_performed(broker, watching), 60))
    assert [one.startswith("once ") for one in seen] == [True, True]
    assert [one in ("once ", "once upon a time") for one in seen] == [True, True]


def test_records_come_when_they_are_told_of(broker, monkeypatch):
    """Not because somebody looked: looks are an hour apart here, but for the first."""

    async def watching(desk, run, gate):
        found = []
        async for one in desk.stream(run):
            found.append(one)
            if isinstance(one, Piece) and not gate.is_set():
                for name in ("SOON", "LOOK", "SELDOM"):
                    monkeypatch.setattr(watch, name, 3600.0)
                gate.set()
        return [one.seq for one in found if isinstance(one, Record)]

    seen, _ = asyncio.run(asyncio.wait_for(_performed(broker, watching), 60))
    assert seen == list(range(len(seen)))
    assert len(seen) > 3


def _mirrored(*all_news):
    """What a watcher at a replica is shown, after each of what it is told."""
    heard, shown = Heard(), []
    watcher = Watcher(heard.sayings)
    list(watcher.before(Record(0, 0.0, Asked("a/think.1", Stored("think", b"")))))

    async def scene():
        for news in all_news:
            heard.take(News(0, news))
            shown.append(list(watcher.news()))

    asyncio.run(scene())
    return shown, list(watcher.before(Record(1, 0.0, Settled("a/think.1", "x"))))


def _piece(text, offset, attempt=0):
    return Piece("a/think.1", attempt, offset, text)


def test_what_is_told_twice_is_shown_once():
    """As when another watcher has come, and everything is told from the beginning."""
    shown, _ = _mirrored((_piece("once ", 0),), (_piece("once upon", 0),), (_piece(" a", 9),))
    assert shown == [[_piece("once ", 0)], [_piece("upon", 5)], [_piece(" a", 9)]]


def test_after_a_gap_nothing_wrong_is_shown():
    """What follows on lost words waits for the record, which has all of them."""
    shown, rest = _mirrored((_piece("once ", 0),), (_piece("a time", 10),))
    assert (shown, rest) == ([[_piece("once ", 0)], []], [])


def test_an_answer_that_is_asked_again_is_taken_back():
    """At the replica, too; then the new one is shown."""
    shown, _ = _mirrored((_piece("onec", 0),), (Retracted("a/think.1", 0),), (_piece("once", 0, 1),))
    assert shown == [[_piece("onec", 0)], [Retracted("a/think.1", 0)], [_piece("once", 0, 1)]]
