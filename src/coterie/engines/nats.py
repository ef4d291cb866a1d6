"""The NATS engine: runs are dispatched to the workers of many hosts by a JetStream work queue.

Theory of operation
===================

1. A message is `run` and `tenant`, on the subject of its queue, of what it needs and of its priority. The journal is
   the truth: a message lost, late or twice delays a run or costs a look at it, and changes nothing.
2. A worker that is given a message says every third of `GIVEN` seconds that it still works on it. One that dies does
   not, and the message is given to another.
3. A worker looks into the subjects of higher priorities first.
4. A message that was given `TRIES` times is a dead letter: it is put aside, with the run's name on it, and counted.
5. A worker answers whoever asks who works on the queue. Who does not answer does not work.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from typing import Any

import msgspec
import nats
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import BadRequestError, NotFoundError

from coterie.engines.groups import NatsGroups
from coterie.engines.live import NatsLive
from coterie.engines.needs import fitting, named, needed
from coterie.engines.paces import NatsPaces
from coterie.errors import BadInput, EngineUnavailable
from coterie.words.cluster import Hand, Queue

GIVEN = 2.0
"""Seconds for which a worker has a message unless it says that it still works on it."""
MOST = 60.0
"""Seconds that what is given back again and again rests at most."""
TRIES = 100
"""Times that a message is given to somebody."""
LOOK = 0.2
"""Seconds that one look into a subject takes where there is nothing."""
PRIORITIES = (3, 2, 1, 0)
STREAM = "COTERIE"
DEAD = "dead"
"""Where what was given up is put."""


class _Sent(Struct, frozen=True):
    run: str
    tenant: str
    at: float = 0.0


class NatsEngine:
    """Dispatch over NATS JetStream; `queue` keeps the runs of one cluster apart from those of another.

    `options` are those of `nats.connect`: credentials, TLS, names.
    """

    def __init__(self, url: str, *, queue: str = "default", given: float = GIVEN, **options: Any) -> None:
        if not queue.replace("-", "").isalnum():
            raise BadInput(f"{queue!r} cannot name a queue: letters, digits and hyphens")
        self.url = url
        self._queue = queue
        self._given = given
        self._options = options
        self._nats: Client | None = None
        self._stream: JetStreamContext | None = None
        self._opening = asyncio.Lock()
        self._groups: dict[str, NatsGroups] = {}
        self.live = NatsLive(self._connected, queue)
        """What is said in the runs of the queue, for those who watch them elsewhere."""
        self.paces = NatsPaces(self._opened)
        """The paces of providers' keys, which all hosts on this broker share."""

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Put a run on the queue; the broker has it when this returns.

        Raises:
            EngineUnavailable: if the broker cannot be reached.
        """
        body = msgspec.json.encode(_Sent(run, tenant, time.time()))
        with self._told(f"told of run {run!r}"):
            stream = await self._opened()
            await stream.publish(self._subject(priority, needs), body, timeout=5)

    def groups_of(self, tenant: str) -> NatsGroups:
        """The groups of a tenant, which every host of the cluster shares."""
        if tenant not in self._groups:
            self._groups[tenant] = NatsGroups(self._connected, self._queue, tenant, 5 * self._given)
        return self._groups[tenant]

    async def work(self, has: Sequence[str] = ()) -> AsyncIterator[NatsWork]:
        """What is to be performed by a worker that has these capabilities, as it comes.

        While the broker cannot be reached it waits; what was given before then is given again.
        """
        looks: list[Any] = []
        while True:
            try:
                if not looks:
                    looks = await self._looks(has)
                message = await _next(looks)
            except (NatsError, OSError):
                looks = []
                await asyncio.sleep(LOOK)
                continue
            if message is not None and not await self._given_up(message):
                sent = msgspec.json.decode(message.data, type=_Sent)
                yield NatsWork(message, sent.run, sent.tenant)

    async def queues(self) -> list[Queue]:
        """What waits for a worker.

        Raises:
            EngineUnavailable: if the broker cannot be reached.
        """
        with self._told("asked what waits"):
            stream = await self._opened()
            info = await stream.stream_info(STREAM, subjects_filter=f"coterie.{self._queue}.>")
            counts = dict(info.state.subjects or {})
            dead = counts.pop(f"coterie.{self._queue}.{DEAD}", 0)
            found = [await self._waiting(stream, subject, count) for subject, count in counts.items()]
        return [*found, Queue(needs=(), priority=0, dead=dead)] if dead else found

    async def workers(self, seconds: float = 0.5) -> list[Hand]:
        """Who works on the queue: all that say so within some seconds.

        Raises:
            EngineUnavailable: if the broker cannot be reached.
        """
        found: list[Hand] = []
        with self._told("asked who works"):
            await self._opened()
            client: Any = self._nats  # its subscriptions are not typed
            inbox = client.new_inbox()
            answers = await client.subscribe(inbox)
            await client.publish(self._who(), reply=inbox)
            until = time.monotonic() + seconds
            with contextlib.suppress(TimeoutError):
                while (left := until - time.monotonic()) > 0:
                    said = await answers.next_msg(timeout=left)
                    if not said.data:  # the broker says that nobody listens
                        break
                    found.append(msgspec.json.decode(said.data, type=Hand))
            await answers.unsubscribe()
        return found

    async def answer(self, tell: Callable[[], Hand]) -> None:
        """Have whoever asks be told of the worker in this process, as soon as the broker can be reached."""

        async def told(message: Msg) -> None:
            await message.respond(msgspec.json.encode(tell()))

        while True:
            try:
                await self._opened()
                client: Any = self._nats  # its subscriptions are not typed
                await client.subscribe(self._who(), cb=told)
            except (NatsError, OSError):
                await asyncio.sleep(LOOK)
            else:
                return

    async def _waiting(self, stream: JetStreamContext, subject: str, count: int) -> Queue:
        """What waits on one subject: what is there and nobody has."""
        needs, _, priority = subject.removeprefix(f"coterie.{self._queue}.").rpartition(".")
        under_way, after = 0, 0
        with contextlib.suppress(NotFoundError):  # nobody has ever worked on it
            info = await stream.consumer_info(STREAM, f"{self._queue}-{needs}-{priority}")
            under_way = info.num_ack_pending or 0
            after = info.delivered.stream_seq if info.delivered is not None else 0
        age = 0.0
        with contextlib.suppress(NotFoundError):  # all of it is under way
            first = await stream.get_msg(STREAM, seq=after + 1, subject=subject, next=True)
            age = time.time() - msgspec.json.decode(first.data or b"", type=_Sent).at
        depth = max(0, count - under_way)
        return Queue(
            needs=needed(needs),
            priority=int(priority),
            depth=depth,
            age=age if depth else 0.0,
            under_way=under_way,
        )

    async def _given_up(self, message: Msg) -> bool:
        """Whether a message was given often enough; then it is put aside."""
        if (message.metadata.num_delivered or 0) <= TRIES:
            return False
        stream = await self._opened()
        await stream.publish(f"coterie.{self._queue}.{DEAD}", message.data, timeout=5)
        await message.term()
        return True

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None]:
        """Say which broker cannot be reached.

        Raises:
            EngineUnavailable: for whatever the network raises.
        """
        try:
            yield
        except (NatsError, OSError, TimeoutError) as error:
            raise EngineUnavailable(f"NATS at {self.url} cannot be {what}: {error}") from error

    def _who(self) -> str:
        """The subject on which it is asked who works; it is no part of the stream."""
        return f"coterie-who.{self._queue}"

    async def close(self) -> None:
        """Leave the broker; what was given and is not done is given to others."""
        for groups in self._groups.values():
            await groups.close()
        if self._nats is not None:
            with contextlib.suppress(NatsError, OSError):
                await self._nats.close()
            await asyncio.sleep(0)  # its transport is closed in the next turn of the loop

    def _subject(self, priority: int, needs: Sequence[str]) -> str:
        return f"coterie.{self._queue}.{named(needs)}.{min(3, max(0, priority))}"

    async def _looks(self, has: Sequence[str]) -> list[Any]:
        """Subscriptions to all that a worker can do, the urgent first."""
        stream = await self._opened()
        found: list[Any] = []
        for priority in PRIORITIES:
            for needs in fitting(has):
                name = f"{self._queue}-{needs}-{priority}"
                config = ConsumerConfig(
                    durable_name=name,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=self._given,
                    max_ack_pending=100_000,
                )
                subject = f"coterie.{self._queue}.{needs}.{priority}"
                found.append(await stream.pull_subscribe(subject, durable=name, stream=STREAM, config=config))
        return found

    async def _connected(self) -> Any:
        """The connection of this process; its subscriptions are not typed."""
        await self._opened()
        return self._nats

    async def _opened(self) -> JetStreamContext:
        async with self._opening:
            if self._stream is not None:
                return self._stream
            kit: Any = nats  # its options are not typed
            client: Any = await kit.connect(
                self.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1, error_cb=_quiet, **self._options
            )
            stream: Any = client.jetstream(timeout=5)
            config = StreamConfig(name=STREAM, subjects=["coterie.>"], retention=RetentionPolicy.WORK_QUEUE)
            with contextlib.suppress(BadRequestError):  # it is there already
                await stream.add_stream(config)
            opened: JetStreamContext = stream
            self._nats, self._stream = client, opened
            return opened


class NatsWork:
    """One run that this worker was given."""

    def __init__(self, message: Msg, run: str, tenant: str) -> None:
        self.run = run
        self.tenant = tenant
        self._message = message

    async def beat(self) -> None:
        """Have it for a while longer."""
        with contextlib.suppress(NatsError, OSError):
            await self._message.in_progress()

    async def done(self) -> None:
        """Take it off the queue."""
        with contextlib.suppress(NatsError, OSError):
            await self._message.ack()

    async def again(self, seconds: float = 0.0) -> None:
        """Have it given to somebody in `seconds`."""
        with contextlib.suppress(NatsError, OSError):
            often = self._message.metadata.num_delivered or 1
            await self._message.nak(delay=min(MOST, seconds * max(1.0, often / 4)) or None)


async def _next(looks: Sequence[Any]) -> Msg | None:
    """The next message of the first subscription that has one; None after one look around."""
    for at, look in enumerate(looks):
        wait = LOOK if at == len(looks) - 1 else 0.01
        try:
            [message] = await look.fetch(1, timeout=wait)
        except TimeoutError:
            continue
        got: Msg = message
        return got
    return None


async def _quiet(_: Exception) -> None:
    """A connection that is lost is looked for again; nobody has to be told."""
