"""Talk: how the actors of one play write to one another, on the topics of the kernel.

A `Post` gives the members of one play addresses that no other play of the run has. What it sends is
settled by the kernel and noted in the journal, so talk costs microseconds and is all there to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from coterie.actor import within
from coterie.errors import BadInput
from coterie.words.effect import (
    DEAD,
    LIMIT,
    Hear,
    Here,
    Inbox,
    Now,
    Send,
    Subscribe,
    Subscribers,
    Unsubscribe,
)
from coterie.words.envelope import DeadLetter, Envelope, Intent, Kind, Priority, Trust
from coterie.words.message import Message
from coterie.words.thread import Thread

NORMAL = Priority.NORMAL


class Post:
    """The mail of one play: an inbox for each name, below the frame that opened it."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._count = 0

    @classmethod
    async def open(cls) -> Post:
        """The post of the play that asks."""
        return cls(await Here())

    def inbox(self, name: str) -> str:
        """The topic on which `name` hears."""
        return f"{self.place}@{name}"

    async def bound(self, name: str, limit: int = LIMIT, overflow: str = "wait") -> None:
        """Say how many messages wait for `name` at most, and what happens to one more (see `Inbox`)."""
        await Inbox(self.inbox(name), limit, overflow)

    async def send(self, sender: str, to: str, body: Any, **options: Any) -> Envelope:
        """Write to one; gives what was sent. `options` are fields of `Envelope`: intent, priority ..."""
        return await self.deliver(to, self.seal(sender, to, body, **options))

    async def request(
        self, sender: str, to: str, body: Any, *, timeout: float | None = None, **options: Any
    ) -> Envelope:
        """Write to one and wait for the reply; `timeout` is in seconds.

        Without a timeout, a request that nobody can answer is a named `Deadlock` at once.

        Raises:
            Late: if there is no reply in time; the request is not delivered after that either.
        """
        deadline = None if timeout is None else await Now() + timeout
        fields: dict[str, Any] = {"intent": "ask", "deadline": deadline, **options}
        asked = await self.deliver(to, self.seal(sender, to, body, kind="request", **fields))
        answer = Hear(self.inbox(f"{sender}#{asked.id}"))
        return opened(await (answer if timeout is None else within(timeout, answer)))

    async def reply(self, request: Envelope, body: Any, **options: Any) -> Envelope:
        """Answer what was received: to who waits for it, or else to the inbox of who wrote."""
        fields: dict[str, Any] = {
            "kind": "reply",
            "reply_to": request.id,
            "correlation": request.correlation or request.id,
            "conversation": request.conversation,
            "priority": request.priority,
            **options,
        }
        sealed = self.seal(request.recipient, request.sender, body, **fields)
        waits = f"{request.sender}#{request.id}" if request.kind == "request" else request.sender
        return await self.deliver(waits, sealed)

    async def receive(self, name: str) -> Envelope:
        """The most urgent, then oldest, message to `name`; one past its deadline is a dead letter."""
        while True:
            received = opened(await Hear(self.inbox(name)))
            if received.deadline is None or await Now() < received.deadline:
                return received
            await self.bury(received, "its deadline has passed")

    async def subscribe(self, name: str, *patterns: str) -> None:
        """Let events on topics that fit `patterns` reach `name` (`*` one word, `>` the rest)."""
        for pattern in patterns:
            await Subscribe(pattern, self.inbox(name))

    async def unsubscribe(self, *names: str) -> None:
        """End the subscriptions of `names`."""
        for name in names:
            await Unsubscribe(self.inbox(name))

    async def publish(self, sender: str, topic: str, body: Any, **options: Any) -> int:
        """Tell everybody who subscribed to `topic`; how many did. An event for nobody is a dead letter."""
        inboxes = await Subscribers(topic)
        event = self.seal(sender, topic, body, kind="event", **options)
        for inbox in inboxes:
            await Send(inbox, event, event.priority)
        if not inboxes:
            await self.bury(event, "nobody has subscribed")
        return len(inboxes)

    async def broadcast(self, sender: str, body: Any, to: Iterable[str], **options: Any) -> None:
        """Write the same to each of `to` but the sender."""
        for name in to:
            if name != sender:
                await self.send(sender, name, body, **options)

    async def bury(self, envelope: Envelope, why: str) -> None:
        """Put a message that will not be delivered on the topic of dead letters."""
        await Send(DEAD, DeadLetter(envelope.recipient, envelope, why))

    def seal(
        self,
        sender: str,
        to: str,
        body: Any,
        *,
        kind: Kind = "message",
        intent: Intent = "inform",
        priority: Priority = NORMAL,
        correlation: str = "",
        reply_to: str = "",
        conversation: str = "",
        deadline: float | None = None,
        trust: Trust = "trusted",
    ) -> Envelope:
        """An envelope with an id of its own; nothing is sent yet."""
        self._count += 1
        id = f"{self.place}#{self._count}"
        return Envelope(
            id=id,
            sender=sender,
            recipient=to,
            body=body,
            kind=kind,
            intent=intent,
            priority=Priority(priority),
            correlation=correlation or id,
            reply_to=reply_to,
            conversation=conversation,
            deadline=deadline,
            trust=trust,
        )

    async def deliver(self, to: str, envelope: Envelope) -> Envelope:
        """Put an envelope into the inbox of `to`; gives it back."""
        await Send(self.inbox(to), envelope, envelope.priority)
        return envelope


class Conversation:
    """Talk among named participants: each hears what the others say, and all of it is kept in order."""

    def __init__(self, post: Post, name: str, participants: Sequence[str]) -> None:
        if len(set(participants)) != len(participants) or not participants:
            raise BadInput(f"conversation {name!r} needs participants, each with a name of its own")
        self.post = post
        self.name = name
        self.participants = tuple(participants)
        self.history: list[Envelope] = []

    async def say(self, sender: str, body: Any, **options: Any) -> None:
        """Say something to all the others.

        Raises:
            BadInput: if `sender` does not take part.
        """
        if sender not in self.participants:
            raise BadInput(f"{sender!r} does not take part in {self.name!r}, only {list(self.participants)}")
        said = self.post.seal(sender, self.name, body, conversation=self.name, **options)
        self.history.append(said)
        for name in self.participants:
            if name != sender:
                await self.post.deliver(name, said)

    @property
    def thread(self) -> Thread:
        """What was said, as an agent reads it."""
        return Thread(Message(sender=one.sender, text=_text(one.body)) for one in self.history)


def opened(received: Any) -> Envelope:
    """What was heard as an envelope. What is none came from outside the run, so it is not trusted."""
    if isinstance(received, Envelope):
        return received
    try:
        return replace(msgspec.convert(received, Envelope), trust="untrusted")
    except msgspec.ValidationError:  # it is a message, and nobody has put it into an envelope
        return Envelope(id="", sender="outside", recipient="", body=received, trust="untrusted")


def _text(body: Any) -> str:
    return body if isinstance(body, str) else msgspec.json.encode(body).decode()
