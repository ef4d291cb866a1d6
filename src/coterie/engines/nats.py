"""The NATS engine: runs are dispatched to the workers of many hosts by a JetStream work queue.

Theory of operation
===================

1. A message is `run` and `tenant`, on the subject of its queue, of what it needs and of its priority. The journal is
   the truth: a message lost, late or twice delays a run or costs a look at it, and changes nothing.
2. A worker that is given a message says every third of `GIVEN` seconds that it still works on it. One that dies does
   not, and the message is given to another.
3. A worker looks into the subjects of higher priorities first.
4. A message that was given `TRIES` times is put on the subject of dead letters, with the run's name on it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import nats
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import BadRequestError

from coterie.errors import BadInput, EngineUnavailable

GIVEN = 2.0
"""Seconds for which a worker has a message unless it says that it still works on it."""
TRIES = 100
"""Times that a message is given to somebody."""
LOOK = 0.2
"""Seconds that one look into a subject takes where there is nothing."""
PRIORITIES = (3, 2, 1, 0)
STREAM = "COTERIE"
ANY = "any"
"""What a run needs that needs nothing."""


class _Sent(Struct, frozen=True):
    run: str
    tenant: str


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

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Put a run on the queue; the broker has it when this returns.

        Raises:
            EngineUnavailable: if the broker cannot be reached.
        """
        body = msgspec.json.encode(_Sent(run, tenant))
        try:
            stream = await self._opened()
            await stream.publish(self._subject(priority, needs), body, timeout=5)
        except (NatsError, OSError, TimeoutError) as error:
            raise EngineUnavailable(f"NATS at {self.url} cannot be told of run {run!r}: {error}") from error

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
            if message is not None:
                sent = msgspec.json.decode(message.data, type=_Sent)
                yield NatsWork(message, sent.run, sent.tenant)

    async def close(self) -> None:
        """Leave the broker; what was given and is not done is given to others."""
        if self._nats is not None:
            with contextlib.suppress(NatsError, OSError):
                await self._nats.close()

    def _subject(self, priority: int, needs: Sequence[str]) -> str:
        return f"coterie.{self._queue}.{_needing(needs)}.{min(3, max(0, priority))}"

    async def _looks(self, has: Sequence[str]) -> list[Any]:
        """Subscriptions to all that a worker can do, the urgent first."""
        stream = await self._opened()
        able = [ANY, *sorted({_needing([one]) for one in has}), *([_needing(has)] if len(has) > 1 else [])]
        found: list[Any] = []
        for priority in PRIORITIES:
            for needs in able:
                name = f"{self._queue}-{needs}-{priority}"
                config = ConsumerConfig(
                    durable_name=name,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=self._given,
                    max_deliver=TRIES,
                    max_ack_pending=100_000,
                )
                subject = f"coterie.{self._queue}.{needs}.{priority}"
                found.append(await stream.pull_subscribe(subject, durable=name, stream=STREAM, config=config))
        return found

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
            await self._message.nak(delay=seconds or None)


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


def _needing(needs: Sequence[str]) -> str:
    return "+".join(sorted(needs)) if needs else ANY


async def _quiet(_: Exception) -> None:
    """A connection that is lost is looked for again; nobody has to be told."""
