"""A remote agent as an actor: it can stand wherever any other actor stands.

1. The ids of its messages are drawn, so they are in the journal before anything is sent; a message that is sent again
   after a crash is the same message.
2. The remote task's id is in the journal as soon as there is one. Whoever resumes the run goes on with that task.
3. What the remote asks, our people are asked (`Ask`); the answer goes back to the same task.
4. What it says that it has spent is counted in our budget, and it is told what is left of that when it begins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias
from urllib.parse import urlsplit

import msgspec

from coterie.actor import Actor, named
from coterie.errors import BadInput, Declined, RemoteFailed
from coterie.kernel.values import to_plain
from coterie.reach.screen import Screen
from coterie.remote.line import Line
from coterie.remote.orders import Order, Question, Report
from coterie.words.brief import Brief
from coterie.words.effect import Ask, Distrust, Draw, Left, Think
from coterie.words.limits import CAPS, Limits
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

Key: TypeAlias = "str | Callable[[], str | Awaitable[str]]"
"""Where a remote's key comes from: the name of an environment variable, or a function that gives it."""
QUESTIONS = 100
"""Questions that a remote may ask about one task."""
AGAIN = 5
"""How often a task that was cancelled with a run is begun anew where the run is gone on with."""
SAME = ("approval", "auth")
"""What a remote's question may be about here too; all else is a question or a choice."""


class Remote(Actor):
    """An agent that lives elsewhere and speaks A2A, found by the address of its card or of its host.

    `key` is what it wants to know us by: a function that gives the key, or the environment variable that holds it
    (default: `COTERIE_KEY_` and the actor's name in capitals). With `verify`, a JSON Web Key Set or a file of
    one, its card has to be signed by one of those keys. `patience` is for how many seconds it may be out of reach. A
    run that is cancelled cancels the remote's task; one that crashes goes on with it. What its card names, or it
    redirects to, has to be public or among `private`: hosts (`*.internal`), addresses and networks (`10.0.0.0/8`). So
    has `url` itself if it is not `trusted`, because somebody else gave it to you.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        key: Key | None = None,
        verify: Mapping[str, Any] | str | None = None,
        patience: float = 300.0,
        limits: Limits | None = None,
        private: Sequence[str] = (),
        trusted: bool = True,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise BadInput(f"{url!r} is no address of an agent: https://HOST/..., without a user in it")
        self.url = url
        self.name = named(name or _name(parts.hostname))
        self.limits = limits
        variable = f"COTERIE_KEY_{self.name.upper().replace('-', '_')}"
        screen = Screen(tuple(private))
        screen = screen.trusting(url) if trusted else screen
        self._line = Line(url, key or variable, verify, patience=patience, screen=screen)

    foreign = True

    def describe(self) -> Any:
        return [self.url]

    async def play(self, task: Task, /) -> Message:
        told = _told(task)
        said, report = await self._sent(await _first(), told)
        again = AGAIN
        for _ in range(QUESTIONS):
            if report.task and report.state == "working":
                order = Order(task=report.task, context=report.context, follow=True, spent=report.spent)
                said, report = await self._sent(order, Thread())
            if report.state == "canceled" and report.stale and again:
                again -= 1
                said, report = await self._sent(await _first(report.context), told)
                continue
            if report.state not in ("input", "auth"):
                return self._ended(said, report)
            question = report.questions[0]
            answer = await self._asked(question, report.state)
            order = Order(
                message=await _id(),
                task=report.task,
                context=report.context,
                question=question.id,
                spent=report.spent,
            )
            said, report = await self._sent(order, Thread([answer]))
        raise RemoteFailed(f"{self.name!r} asks more than {QUESTIONS} questions about one task")

    async def _sent(self, order: Order, thread: Thread) -> tuple[Message, Report]:
        brief = Brief(settings={"a2a": to_plain(order)})
        await Distrust((f"remote {self.name} at {self.url}",))
        said = await Think(self.name, self.url, brief, thread, self._line)
        return said, msgspec.convert(said.output, Report)

    async def _asked(self, question: Question, state: str) -> Message:
        """The answer of one of our people, as a message to the remote."""
        about = question.about if question.about in SAME else "auth" if state == "auth" else "question"
        if question.choices and about == "question":
            about = "choice"
        value = await Ask(f"{self.name}: {question.text}", about, question.choices)
        return (
            Message(sender="user", text=value)
            if isinstance(value, str)
            else Message(sender="user", output=value)
        )

    def _ended(self, said: Message, report: Report) -> Message:
        if report.state != "completed" and not report.unverified:
            self._failed(report)
        return Message(
            sender=self.name,
            text=said.text,
            output=report.value,
            files=said.files,
            unverified=report.unverified,
        )

    def _failed(self, report: Report) -> NoReturn:
        if report.state == "rejected":
            raise Declined(f"{self.name!r} will not: {report.why or 'it does not say why'}")
        raise RemoteFailed(f"{self.name!r}: {report.why or f'the task is {report.state}'}")


def _name(host: str) -> str:
    return host.replace(".", "-").replace(":", "-")


def _told(task: Task) -> Thread:
    """A task as a remote is told it: what was said before, the text, the data."""
    said = [*(task.context or ())]
    if task.text or task.data is not None:
        said.append(Message(sender="user", text=task.text, output=task.data))
    return Thread(said)


async def _first(context: str = "") -> Order:
    """The order that begins a task: with what of our limits is left for it."""
    limits = await Left()
    caps = {name: cap for name in CAPS if (cap := getattr(limits, name)) is not None}
    return Order(message=await _id(), context=context, limits=caps)


async def _id() -> str:
    """An id for a message, which is in the journal and the same in every life of the run."""
    return f"{int(await Draw() * 2**53):014x}{int(await Draw() * 2**53):014x}"
