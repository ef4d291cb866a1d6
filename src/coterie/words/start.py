"""Other runs: children that a run waits for, others that go their own way, what it goes on as, and what it tells them.

An effect names whom to run: an actor that is a member of the team that asks, or, as text, a team by what it is called
outside. Either can be performed by whoever finds it, here or on another host.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

from msgspec import Struct

from coterie.words.effect import Effect
from coterie.words.grant import Grant
from coterie.words.limits import Limits
from coterie.words.message import Message

CHILD = Limits(usd=1.0, requests=1_000, tool_calls=1_000)
"""What a child may use up where nobody says otherwise: so several fit into the default limits of a run."""


class Begins(Effect[Any], frozen=True):
    """Base of what begins a run: whom, with which task (a text, a message or a `Task`), and where.

    `limits` are those of `CHILD` with what a mapping puts in their place, as `{"usd": 0.5}`, or `Limits` as they stand.
    `needs` are capabilities that a worker has to have, and `priority` runs from 0 (low) to 3 (urgent).
    """

    actor: Any
    task: Any = ""
    limits: Limits | dict[str, Any] = CHILD
    priority: int = 1
    needs: tuple[str, ...] = ()
    grant: Grant | None = None
    """The tools that may be used in it at most: what the frame that asks may use. Set by the kernel."""

    @property
    def name(self) -> str:
        """What the actor is called."""
        called: str = getattr(self.actor, "name", self.actor)
        return called

    @property
    def most(self) -> Limits:
        """What the run may use up.

        Raises:
            ValueError: if a limit is named that there is not.
        """
        return self.limits if isinstance(self.limits, Limits) else CHILD.raised(self.limits)

    def request(self) -> tuple[Any, ...]:
        task = self.task
        context = None if task.context is None else task.context.digest
        asked = (task.text, task.data, context, task.taint)
        whole = (self.name, isinstance(self.actor, str), asked, self.most, self.priority, self.needs)
        return whole if self.grant is None else (*whole, self.grant)


class Start(Begins, frozen=True):
    """Have a run of its own do a task; gives its message, or raises what it failed with.

    What it may use up is set aside until it ends, and never more than there is left. If nobody waits for it any more
    it is cancelled; until it ends the run that waits for it need not be in memory anywhere.
    """

    kind: ClassVar[str] = "start"

    def __await__(self) -> Generator[Effect[Any], Any, Message]:
        message: Message = yield self
        return message


class Begin(Begins, frozen=True):
    """Begin a run that goes its own way, with limits of its own; gives its id.

    It is `called` so, if it is: then it is begun once, whoever asks for it. With `at`, in seconds since the epoch, it
    begins then. `origin` says where a team comes from whose name does not.
    """

    kind: ClassVar[str] = "begin"
    called: str = ""
    at: float | None = None
    origin: dict[str, Any] | None = None

    def __await__(self) -> Generator[Effect[Any], Any, str]:
        run: str = yield self
        return run

    def request(self) -> tuple[Any, ...]:
        return (*super().request(), self.called, self.at, self.origin)


class Renew(Effect[Any], frozen=True):
    """End this run, and go on as a new one of the same actor: a fresh journal, with `task` as all that it remembers.

    For actors that live for months. Only the actor of the run itself may do so. What was sent to it from outside and
    not heard comes along, and what is sent to the old run from then on reaches the new one.
    """

    kind: ClassVar[str] = "renew"
    task: Any = ""
    unheard: tuple[tuple[str, Any], ...] = ()

    def __await__(self) -> Generator[Effect[Any], Any, Any]:
        run = yield self
        yield Over(run, self.task)

    def request(self) -> tuple[Any, ...]:
        task = self.task
        context = None if task.context is None else task.context.digest
        return (task.text, task.data, context, task.taint, self.unheard)


class Over(Effect[Any], frozen=True):
    """End the run, which goes on as `run`; settled by the kernel."""

    run: str
    task: Any = ""


class Group(Struct, frozen=True):
    """Several runs under one name: of those that `Hear(topic, group=name)`, one gets each message it is told."""

    name: str


class Tell(Effect[Any], frozen=True):
    """Send a message on a topic of another run, wherever that is performed; it is in its journal before it is heard.

    It is told at least once: a crash of the sender at that very moment may tell it twice. What is sent carries
    `sender`, the run that sends, and where an answer is expected `reply`, the topic there that it is to be told on.
    Told to a `Group`, it waits for a member of that for as long as it takes.
    """

    kind: ClassVar[str] = "tell"
    run: str | Group
    topic: str
    body: Any = None
    reply: str = ""

    def request(self) -> tuple[Any, ...]:
        whom = self.run if isinstance(self.run, str) else ("group", self.run.name)
        return (whom, self.topic, self.body, self.reply)
