"""Messages between two runs in two processes over NATS, beside the bare client that sends the same bytes.

Two promises are compared. *Kept*: the broker has a message when its sender goes on, and lets go of it when its receiver
has said that it has it. That is what a group of runs is told, in journals or without, and what JetStream gives
without us. *At most once*, by NATS core, is there to see what that costs. Senders have `AT_ONCE` messages under way.
"""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import msgspec

from bench.figures import Figure, Skipped, rate
from bench.fresh import ROOT
from bench.hosts import NEEDED, broker_in
from bench.race import Effort, Lap, race
from coterie.actor import Actor, gather
from coterie.carriers import Groups
from coterie.errors import BadInput
from coterie.shell.host import Host
from coterie.stores.memory import NullStore
from coterie.stores.places import store_at
from coterie.team import Team
from coterie.words.effect import Hear
from coterie.words.event import Opened
from coterie.words.start import Group, Tell
from coterie.words.task import Task

MESSAGES, WARM, AT_ONCE, BYTES = 10_000, 1_000, 100, 100
"""Messages that count, those before them, how many a sender has under way, and how long each is."""
SAID = "x" * BYTES
NOWHERE = "nowhere"
"""Where runs are kept that keep no journal."""


class Clock:
    """Times the messages after the first `WARM` ones."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._heard = 0
        self._began = self._ended = (0.0, 0.0)

    def heard(self) -> bool:
        """Count one; whether there are more to come."""
        self._heard += 1
        if self._heard == WARM:
            self._began = (perf_counter(), process_time())
        more = self._heard < self._count + WARM
        if not more:
            self._ended = (perf_counter(), process_time())
        return more

    @property
    def lap(self) -> Lap:
        """What the messages took that count."""
        (began, worked), (ended, until) = self._began, self._ended
        return Lap(ended - began, until - worked)


def nobody(began: Opened) -> Actor:
    """Nothing is gone on with here."""
    raise BadInput(f"run {began.run!r} is begun here, and not gone on with")


@asynccontextmanager
async def hosted(url: str, queue: str, place: str) -> AsyncGenerator[Host]:
    """A host that performs runs itself, and whose groups NATS carries."""
    engine = importlib.import_module("coterie.engines.nats").NatsEngine(url, queue=queue)
    carried: Groups = engine.groups_of("default")

    class Here(Host):
        @property
        def groups(self) -> Groups:
            return carried

    store: Any = NullStore() if place == NOWHERE else store_at(place)
    host = Here(store, actor_of=nobody)
    yield host
    await host.close()
    await store.close()
    await engine.close()


async def run_hears(url: str, queue: str, place: str, count: int) -> Lap:
    """A run that hears all messages as a member of a group."""
    clock = Clock(count)

    async def play(_: Task) -> str:
        more = True
        while more:
            for _n in await gather(*(Hear("words", group="ears") for _n in range(AT_ONCE))):
                more = clock.heard()
        return "heard"

    async with hosted(url, queue, place) as host:
        ready()
        await host.wait(await host.begin(Team("ear", (), play)))
    return clock.lap


async def run_tells(url: str, queue: str, place: str, count: int) -> None:
    """A run that tells a group all messages."""

    async def play(_: Task) -> str:
        for _n in range((count + WARM) // AT_ONCE):
            await gather(*(Tell(Group("ears"), "words", SAID) for _n in range(AT_ONCE)))
        return "told"

    async with hosted(url, queue, place) as host:
        await host.wait(await host.begin(Team("mouth", (), play)))


@asynccontextmanager
async def client_of(url: str) -> AsyncGenerator[Any]:
    """A bare client."""
    kit: Any = importlib.import_module("nats")
    client = await kit.connect(url)
    yield client
    await client.close()


async def bare_hears(url: str, queue: str, count: int) -> Lap:
    """Takes what is pushed, and acknowledges each."""
    clock = Clock(count)
    async with client_of(url) as client:
        stream = client.jetstream()
        await stream.add_stream(name=queue, subjects=[queue], retention="workqueue")
        coming = await stream.subscribe(queue, queue=queue, manual_ack=True, pending_msgs_limit=-1)
        ready()
        async for message in coming.messages:
            await message.ack()
            if not clock.heard():
                return clock.lap
    return clock.lap


async def bare_tells(url: str, queue: str, count: int) -> None:
    """Publishes, and goes on when the broker has what was published."""
    async with client_of(url) as client:
        stream, body = client.jetstream(), body_of()
        for _ in range((count + WARM) // AT_ONCE):
            await asyncio.gather(*(stream.publish(queue, body) for _ in range(AT_ONCE)))


async def core_hears(url: str, queue: str, count: int) -> Lap:
    """Takes what comes."""
    clock = Clock(count)
    async with client_of(url) as client:
        coming = await client.subscribe(queue, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await client.flush()
        ready()
        async for _message in coming.messages:
            if not clock.heard():
                return clock.lap
    return clock.lap


async def core_tells(url: str, queue: str, count: int) -> None:
    """Publishes."""
    async with client_of(url) as client:
        body = body_of()
        for _ in range(count + WARM):
            await client.publish(queue, body)
        await client.flush()


def body_of() -> bytes:
    """What a run tells, as it is sent."""
    return msgspec.msgpack.encode({"body": SAID, "sender": "0" * 21, "reply": ""})


def ready() -> None:
    """Say that messages may come."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


SIDES: dict[str, tuple[Any, Any]] = {
    "run": (run_hears, run_tells),
    "bare": (bare_hears, bare_tells),
    "core": (core_hears, core_tells),
}


def lap_of(kind: str, url: str, queue: str, places: tuple[str, str], count: int) -> Lap:
    """What `count` messages from one process to another take: by the clock, and the CPU time of both."""
    command = [sys.executable, "-m", "bench.between", kind, url, queue, str(count)]
    with subprocess.Popen([*command, "hear", places[0]], cwd=ROOT, stdout=subprocess.PIPE) as hearer:
        assert hearer.stdout is not None
        assert hearer.stdout.readline() == b"ready\n"
        teller = subprocess.run([*command, "tell", places[1]], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        heard = msgspec.json.decode(hearer.stdout.read(), type=Lap)
    told = msgspec.json.decode(teller.stdout, type=Lap)
    return Lap(heard.wall, heard.cpu + told.cpu)


def side() -> None:
    """One of the two processes: `python -m bench.between KIND URL QUEUE COUNT hear|tell PLACE`."""
    kind, url, queue, count, way, place = sys.argv[1:]
    hears, tells = SIDES[kind]
    given = (url, queue, place, int(count)) if kind == "run" else (url, queue, int(count))
    if way == "hear":
        lap = asyncio.run(hears(*given))
    else:
        worked, began = process_time(), perf_counter()
        asyncio.run(tells(*given))
        lap = Lap(perf_counter() - began, process_time() - worked)
    sys.stdout.write(msgspec.json.encode(lap).decode())


def figures(effort: Effort) -> Iterator[Figure | Skipped]:
    """Messages a second, in journals and without, beside the bare client."""
    try:
        kit, *_ = (importlib.import_module(name) for name in NEEDED)
    except ModuleNotFoundError as error:
        yield Skipped("messages between two processes", str(error))
        return
    count, numbers = effort.of(MESSAGES) // AT_ONCE * AT_ONCE, iter(range(1_000_000))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="coterie-")))
        folder.chmod(0o755)  # as root, the server is another user
        server = kit.get_server(folder / "data", cleanup_mode="stop")
        stack.callback(server.cleanup)
        url = broker_in(folder, stack)

        def lap(kind: str, place: str = NOWHERE) -> Lap:
            number = next(numbers)
            files = (str(folder / f"{number}-ear.db"), str(folder / f"{number}-mouth.db"))
            places = files if place == "files" else (place, place)
            return lap_of(kind, url, f"between{number}", places, count)

        laps = race(
            min(3, effort.laps),
            lambda: lap("run", server.get_uri()),
            lambda: lap("run", "files"),
            lambda: lap("run"),
            lambda: lap("bare"),
            lambda: lap("core"),
        )
    *ours, bare, core = laps
    ways = ("journaled in PostgreSQL", "each journaled in a SQLite file", "in no journal")
    for way, one in zip(ways, ours, strict=True):
        yield rate(
            f"messages from run to run, {way}", count, one, bare, "bare JetStream", waits=True, within=2.0
        )
    yield rate("the same, in no journal", count, ours[-1], core, "bare NATS core, at most once", waits=True)


if __name__ == "__main__":
    side()
