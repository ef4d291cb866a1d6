"""What groups of runs are told, over NATS: a JetStream work queue, of which each group on a topic has one consumer.

Theory of operation
===================

1. A message is on the subject of its group and topic until a member has said that its journal has it. It bears the
   step that told it, so whoever tells it again after a crash within two minutes tells it once.
2. A process asks the broker for as many messages as its members wait for, and for more while they take what it got
   within `SOON` seconds. What none of them takes in that time goes back, so nothing waits at a busy member for long.
3. Who is given a message has it for `GIVEN` seconds; then another is given it.
4. While the broker cannot be reached, whoever tells or takes waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.errors import BadRequestError

from coterie.errors import BadInput
from coterie.words.digest import digest_of

STREAM = "COTERIE-TOLD"
GIVEN = 10.0
"""Seconds for which a member has a message of which it says nothing."""
SOON = 0.2
"""Seconds within which what was fetched ahead has to be taken."""
MOST = 512
"""Messages that are fetched at once."""
PATIENCE = 5.0
"""Seconds that the broker has to say that it has a message."""
LONG = 5.0
"""Seconds that one look for messages takes where there are none."""
LOOK = 0.2
"""Seconds until a broker that was lost is looked for again."""
LOST = (NatsError, OSError, TimeoutError)
"""What is raised where the broker cannot be reached."""


class NatsGroups:
    """The groups of one tenant; `connected` gives this process's connection."""

    def __init__(
        self, connected: Callable[[], Awaitable[Any]], queue: str, tenant: str, given: float = GIVEN
    ) -> None:
        self._connected = connected
        self._whose = (queue, tenant)
        self._given = given
        self._stream: Any = None  # neither the stream nor the client is wholly typed
        self._post: _Post | None = None
        self._lines: dict[str, _Line] = {}
        self._turn = asyncio.Lock()

    async def tell(self, group: str, topic: str, said: Any, key: str) -> None:
        body, subject = msgspec.msgpack.encode(said), self._subject(group, topic)
        while True:
            try:
                post = self._post if self._stream is not None and self._post else await self._opened()
                await post.put(subject, body, f"{subject}/{key}")
            except MaxPayloadError as error:
                raise BadInput(
                    f"a message of {len(body):,} bytes to group {group!r} is too large for the broker"
                ) from error
            except LOST:
                self._stream = None
                await asyncio.sleep(LOOK)
            else:
                return

    async def take(self, group: str, topic: str) -> NatsTold:
        subject, line = self._subject(group, topic), None
        while True:
            try:
                line = self._lines.get(subject) or await self._line(subject)
                return NatsTold(await line.next())
            except LOST:
                await self._forget(subject, line)
                await asyncio.sleep(LOOK)

    async def close(self) -> None:
        """Give back what is here and nobody has taken."""
        for line in self._lines.values():
            await line.close()
        self._lines.clear()

    async def _forget(self, subject: str, line: _Line | None) -> None:
        """Begin anew with a group on a topic, if nobody has: the broker may have lost what it knew of it."""
        self._stream = None
        if line is not None and self._lines.get(subject) is line:
            del self._lines[subject]
            await line.close()

    def _subject(self, group: str, topic: str) -> str:
        return f"coterie-told.{digest_of([*self._whose, group, topic]).hex()[:32]}"

    async def _ready(self) -> Any:
        """The JetStream, once there is a stream for messages."""
        if self._stream is None:
            stream = (await self._connected()).jetstream(timeout=5)
            config = StreamConfig(
                name=STREAM, subjects=["coterie-told.>"], retention=RetentionPolicy.WORK_QUEUE
            )
            with contextlib.suppress(BadRequestError):  # it is there already
                await stream.add_stream(config)
            self._stream = stream
        return self._stream

    async def _opened(self) -> _Post:
        """What messages are put by."""
        async with self._turn:
            await self._ready()
            if self._post is None:
                self._post = await _Post.open(await self._connected())
            return self._post

    async def _line(self, subject: str) -> _Line:
        """What this process has of a group on a topic, which the broker knows of from now on."""
        async with self._turn:
            if (known := self._lines.get(subject)) is not None:
                return known
            stream = await self._ready()
            name = subject.partition(".")[2]
            config = ConsumerConfig(
                durable_name=name,
                filter_subject=subject,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._given,
                max_ack_pending=100_000,
            )
            await stream.add_consumer(STREAM, config)
            line = self._lines[subject] = _Line(
                await self._connected(), f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}"
            )
            return line


class _Post:
    """Puts messages into the stream; each is there when its `put` returns, and many may be on their way."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._inbox: str = client.new_inbox()
        self._numbers = itertools.count()
        self._coming: dict[str, asyncio.Future[None]] = {}

    @classmethod
    async def open(cls, client: Any) -> _Post:
        """A post over a connection: one subscription for what the broker answers to all messages."""
        post = cls(client)
        await client.subscribe(f"{post._inbox}.*", cb=post._answered)
        return post

    async def put(self, subject: str, body: bytes, key: str) -> None:
        """Put a message, once for each key.

        Raises:
            NatsError, OSError, TimeoutError: if the broker has not said that it has it.
        """
        reply = f"{self._inbox}.{next(self._numbers)}"
        coming = self._coming[reply] = asyncio.get_running_loop().create_future()
        try:
            await self._client.publish(subject, body, reply=reply, headers={"Nats-Msg-Id": key})
            async with asyncio.timeout(PATIENCE):
                await coming
        finally:
            del self._coming[reply]

    async def _answered(self, message: Msg) -> None:
        coming = self._coming.get(message.subject)
        if coming is None or coming.done():
            return
        if message.headers or b'"error"' in message.data:  # there is no stream now, or it takes nothing
            coming.set_exception(NatsError(f"not taken: {message.headers or message.data!r}"))
        else:
            coming.set_result(None)


class NatsTold:
    """A message that a member in this process was given."""

    def __init__(self, message: Msg) -> None:
        self.said: Any = msgspec.msgpack.decode(message.data)
        self._message = message

    async def done(self) -> None:
        with contextlib.suppress(NatsError, OSError):
            await self._message.ack()

    async def again(self) -> None:
        with contextlib.suppress(NatsError, OSError):
            await self._message.nak()


class _Line:
    """What has come for one group on one topic: `pull` is the subject on which more is asked for."""

    def __init__(self, client: Any, pull: str) -> None:
        self._client = client
        self._pull = pull
        self._coming: Any = None
        self._here: deque[Msg] = deque()
        self._waiting: deque[asyncio.Future[Msg]] = deque()
        self._owed = 0
        """Messages that were asked for and have not come."""
        self._many = 1
        self._asked = self._took = 0.0
        self._told = asyncio.get_running_loop().time()
        self._idle: asyncio.TimerHandle | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def next(self) -> Msg:
        """The next message.

        Raises:
            NatsError, OSError, TimeoutError: if the broker is lost.
        """
        if self._here:
            self._took = asyncio.get_running_loop().time()
            return self._here.popleft()
        waiter: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await self._ask()
            while not (await asyncio.wait([waiter], timeout=LONG + 1))[0]:
                self._is_heard_of()
        except BaseException:
            if waiter.done():  # it came at the very moment in which nobody wanted it any more
                self._here.appendleft(waiter.result())
            else:
                self._waiting.remove(waiter)
            raise
        finally:
            self._took = asyncio.get_running_loop().time()
            self._look_after()
        return waiter.result()

    def _is_heard_of(self) -> None:
        """See that the broker has said something since it should have.

        Raises:
            TimeoutError: if it has not: it was lost, or knows nothing of us any more.
        """
        if asyncio.get_running_loop().time() - self._told > LONG + 1:
            raise TimeoutError

    def _look_after(self) -> None:
        """See what is to become of what is here, and of what was asked for, if nobody waits."""
        if self._idle is None and not self._waiting and (self._here or self._owed):
            self._idle = asyncio.get_running_loop().call_later(SOON, self._rest)

    async def _ask(self) -> None:
        """Ask for what is waited for, and for what will be waited for soon, by what was the last time."""
        if self._owed >= len(self._waiting):
            return
        now = asyncio.get_running_loop().time()
        took, self._asked = now - self._asked, now
        self._many = min(MOST, 2 * self._many) if took <= SOON else max(1, self._many // 2)
        many = max(self._many, len(self._waiting) - self._owed)
        self._owed += many
        if self._coming is None:
            inbox = self._client.new_inbox()
            self._coming = await self._client.subscribe(inbox, cb=self._came, pending_msgs_limit=-1)
        wanted = {"batch": many, "expires": int(LONG * 1e9)}
        await self._client.publish(self._pull, msgspec.json.encode(wanted), reply=self._coming.subject)

    async def _came(self, message: Msg) -> None:
        """Take a message, or what the broker says of those that were asked for and do not come."""
        if not message.reply:
            left = int((message.headers or {}).get("Nats-Pending-Messages", "0"))
            if left:  # nothing came for a while
                self._told = asyncio.get_running_loop().time()
                self._owed = max(0, self._owed - left)
                await self._ask()
            return
        self._told = asyncio.get_running_loop().time()
        self._owed = max(0, self._owed - 1)
        if self._waiting:
            self._waiting.popleft().set_result(message)
        else:
            self._here.append(message)

    def _rest(self) -> None:
        """If nobody has taken anything for a while, have what is here go back, and no more come."""
        self._idle, now = None, asyncio.get_running_loop().time()
        if now - self._took < SOON:
            self._look_after()
        elif not self._waiting and (self._here or self._owed):
            self._many = 1
            self._leaving = asyncio.get_running_loop().create_task(self.close())

    async def close(self) -> None:
        """Let go of what is here and of what is to come."""
        if self._idle is not None:
            self._idle.cancel()
        coming, self._coming, self._owed = self._coming, None, 0
        with contextlib.suppress(NatsError, OSError):
            if coming is not None:
                await coming.drain()  # what the broker has sent by now still comes
            while self._here and not self._waiting:
                await self._here.popleft().nak()
