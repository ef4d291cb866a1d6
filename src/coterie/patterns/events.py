"""Events: members react to what is published, and publish in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from coterie.actor import Actor, gather, race
from coterie.calls import ENDLESS, each
from coterie.errors import BadInput, OverLimit, RunError, failure_of
from coterie.kernel.values import to_plain
from coterie.patterns.answers import missing_of
from coterie.talk import Post
from coterie.team import Team
from coterie.words.effect import Hear, Send
from coterie.words.envelope import Envelope, Priority
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task


class Event(Struct, frozen=True):
    """Something to publish: a topic of words with dots between, a text, data, and how urgent it is."""

    topic: str
    text: str = ""
    data: Any = None
    priority: Priority = Priority.NORMAL


class Happening(Struct, frozen=True):
    """An event under way: how many events it comes from, and how often its reaction has failed."""

    text: str
    data: Any = None
    hop: int = 0
    tries: int = 0


class Reaction(Struct, frozen=True):
    """Who reacts to events on topics that fit `pattern`, and the topic on which its message is published."""

    pattern: str
    actor: Actor
    then: str = ""


def on(pattern: str, actor: Actor, *, then: str = "") -> Reaction:
    """`actor` reacts to events on topics that fit `pattern` (`*` one word, `>` the rest).

    What it says is published on `then`, and so is every `Event` that its output is or lists.
    """
    return Reaction(pattern, actor, then)


def events(
    *reactions: Reaction,
    start: str = "task",
    until: str = "",
    hops: int = 16,
    tries: int = 3,
    name: str = "events",
) -> Team:
    """A team that publishes its task on the topic `start`, and lets `reactions` react, until it is quiet.

    A reaction takes one event at a time, the most urgent first, and is told its text and data. It ends
    when no event is left and nobody is at work, or when something is published on `until`. An event that
    comes from more than `hops` others, and one whose reaction failed `tries` times, is a dead letter,
    and in `missing`; for the first the message is also unverified. Topics are the team's own: two such
    teams in one run do not hear each other. The answer is what was published on `until`, or the last
    thing said; `parts` is everything that was said, in order.

    Raises:
        BadInput: without reactions, or with hops or tries below 1.
    """
    if not reactions or hops < 1 or tries < 1:
        raise BadInput(f"events {name!r} needs reactions, and hops and tries of 1 or more")

    async def play(task: Task) -> Message:
        bus = Bus(await Post.open(), reactions, until, hops, tries)
        await bus.open(start, task)
        await race(bus.quiet(), gather(*(bus.serve(at) for at in range(len(reactions)))))
        await bus.close()
        said = tuple(bus.said)
        text = bus.last if bus.last is not None else (said[-1].text if said else "")
        unverified = f"stopped after {hops} hops" if bus.stopped else ""
        missing = (*bus.lost, *missing_of(said))
        return Message(sender=name, text=text, parts=said, missing=missing, unverified=unverified)

    settings = {
        "reactions": [[one.pattern, one.actor.name, one.then] for one in reactions],
        "limits": [start, until, hops, tries],
    }
    actors = _different([one.actor for one in reactions])
    # Chains are bounded by `hops`; how many events a reaction publishes is its own to say.
    return Team(name, actors, play, settings=settings, calls=[each(ENDLESS, *actors)])


def _different(actors: Sequence[Actor]) -> list[Actor]:
    return list({id(actor): actor for actor in actors}.values())


class Bus:
    """The events of one play: what was said, what is left to be heard, and what nobody will."""

    def __init__(self, post: Post, reactions: Sequence[Reaction], until: str, hops: int, tries: int) -> None:
        self.post, self.reactions, self.until, self.hops, self.tries = post, reactions, until, hops, tries
        self.said: list[Message] = []
        self.lost: list[Failure] = []
        self.left = 0
        self.stopped = False
        self.last: str | None = None

    async def open(self, start: str, task: Task) -> None:
        """Let everybody subscribe, and publish the task."""
        for at, reaction in enumerate(self.reactions):
            await self.post.subscribe(str(at), self._topic(reaction.pattern))
        await self.publish("user", Event(start, task.text, task.data), 0)

    async def close(self) -> None:
        """End the subscriptions."""
        await self.post.unsubscribe(*(str(at) for at in range(len(self.reactions))))

    async def quiet(self) -> None:
        """Wait until nothing is left to be heard, or the closing topic was published on."""
        if self.left and self.last is None:
            await Hear(f"{self.post.place}.quiet")

    async def publish(self, sender: str, event: Event, hop: int) -> None:
        """Tell everybody who subscribed; an event that comes from too many others is a dead letter."""
        if self.until and event.topic == self.until:
            self.last = event.text
            await self._end()
            return
        body = Happening(event.text, event.data, hop)
        if hop > self.hops:
            self.stopped = True
            why = f"comes from more than {self.hops} others"
            self.lost.append(Failure(kind="NoProgress", message=f"an event on {event.topic!r} {why}"))
            sealed = self.post.seal(sender, event.topic, body, kind="event")
            await self.post.bury(sealed, why)
            return
        self.left += await self.post.publish(sender, self._topic(event.topic), body, priority=event.priority)

    async def serve(self, at: int) -> None:
        """React to one event after the other."""
        while True:
            received = await self.post.receive(str(at))
            await self._react(at, received)
            self.left -= 1
            if not self.left:
                await self._end()

    async def _react(self, at: int, received: Envelope) -> None:
        reaction, happening = self.reactions[at], received.body
        try:
            said = await reaction.actor(Task(happening.text, data=happening.data))
        except OverLimit:
            raise
        except RunError as error:
            await self._failed(at, received, failure_of(error))
            return
        self.said.append(said)
        following = [Event(reaction.then, said.text, said.output)] if reaction.then else []
        for event in [*following, *_published(said)]:
            await self.publish(reaction.actor.name, event, happening.hop + 1)

    async def _failed(self, at: int, received: Envelope, failure: Failure) -> None:
        """Try an event once more, or give it up."""
        tries = received.body.tries + 1
        if tries < self.tries:
            self.left += 1
            once_more = msgspec.structs.replace(
                received, body=msgspec.structs.replace(received.body, tries=tries)
            )
            await self.post.deliver(str(at), once_more)
        else:
            self.lost.append(failure)
            await self.post.bury(received, f"failed {tries} times: {failure.message}"[:400])

    async def _end(self) -> None:
        await Send(f"{self.post.place}.quiet", "")

    def _topic(self, topic: str) -> str:
        """A topic as the run knows it: the team's own."""
        return f"{self.post.place.replace('.', '-')}.{topic}"


def _published(said: Message) -> list[Event]:
    """The events that a message's output is, or lists."""
    given: Any = to_plain(said.output)
    listed = msgspec.convert(given, list[Any]) if isinstance(given, list) else [given]
    found: list[Event] = []
    for one in listed:
        try:
            found.append(msgspec.convert(one, Event))
        except msgspec.ValidationError:  # it is no event
            continue
    return found
