"""Guests: agents of other frameworks as actors. What they share; each framework is one small module beside this one.

Theory of operation
===================

1. A whole turn of a guest, whatever it thinks and uses within, is one journaled effect: a `Think` whose model is the
   guest. So its prompt is a thread stored once, its usage counts against every limit above it, what it says is shown
   while it says it, and a cancel reaches it, all by what is there for models.
2. Unlike a model a guest may act, so a turn that was under way at a crash is in doubt: a person says whether it
   is done again. One that is declared `idempotent` is simply asked again.
3. A guest keeps nothing between turns: it is given the conversation each time. A framework whose agents hold
   state has them one turn at a time, each begun afresh.
4. What it raises is typed by what it says of itself: a status, a lost connection, a time that is over; else it
   is `GuestFailed`, with the framework's own words. Its usage up to there counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any, NoReturn, TypeAlias

from msgspec import Struct

from coterie.actor import Actor, named
from coterie.agent import conversation
from coterie.errors import (
    BadInput,
    CoterieError,
    GuestFailed,
    ModelRefused,
    ModelUnavailable,
    NoAccess,
    RateLimited,
    TimedOut,
)
from coterie.kernel.values import storable
from coterie.models.turns import Part, Said, turns
from coterie.words.brief import Brief
from coterie.words.delta import Delta, Tell
from coterie.words.effect import Distrust, Think
from coterie.words.limits import Limits
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.usage import NOTHING, ONE_REQUEST, Usage

TIMEOUT = 600.0
"""Seconds that one turn may take, unless the guest is given others."""
BRIEF = Brief()
"""A guest brings its own instructions and tools."""


class Line(Struct, frozen=True):
    """What one side of the conversation said; `own` where it was the guest itself."""

    own: bool
    text: str

    @property
    def role(self) -> str:
        """The side, as most frameworks call it."""
        return "assistant" if self.own else "user"


class Turn:
    """One turn while it goes on: what the guest reads, what it says meanwhile, and what it has cost so far.

    `lines` alternate, and the first and the last are the others'.
    """

    def __init__(self, think: Think, tell: Tell) -> None:
        self.actor = think.actor
        self.lines = lines(think)
        self.usage = NOTHING
        self._tell = tell

    @property
    def spent(self) -> Usage:
        """What the turn has cost so far; nobody answers without at least one request."""
        return ONE_REQUEST if self.usage == NOTHING else self.usage

    def say(self, text: str, part: int = 0) -> None:
        """Show the next piece of what the guest says; `part` numbers what it says between its tools."""
        if text:
            self._tell(Delta(text, part=part))

    def spend(self, **spent: int | None) -> None:
        """Count what was spent; a framework that does not know a number says None."""
        self.usage += Usage(**{name: number or 0 for name, number in spent.items()})


class Answer(Struct, frozen=True):
    """What a turn came to; `output` is the typed value behind the text, where there is one."""

    text: str
    output: Any = None


Take: TypeAlias = Callable[[Turn], Awaitable[Answer]]
"""Has a foreign agent take one turn."""


class Guest(Actor):
    """An agent of another framework as an actor; made by the functions of `coterie.interop`.

    `idempotent` says that doing a whole turn twice does no harm. `timeout` is in seconds for one turn. `version`
    names what the guest is: a run begun with another is not gone on with.
    """

    foreign = True

    def __init__(
        self,
        name: str,
        take: Take,
        *,
        framework: str,
        idempotent: bool = False,
        timeout: float = TIMEOUT,
        version: str = "",
        limits: Limits | None = None,
    ) -> None:
        if timeout <= 0:
            raise BadInput(f"guest {name!r}: timeout is in seconds, above 0, not {timeout}")
        self.name = named(name)
        self.limits = limits
        self.turns = Turns(f"{framework}:{self.name}", take, timeout, acts=not idempotent)
        self._version = version

    def describe(self) -> Any:
        return [self.turns.name, self.turns.acts, self._version]

    async def play(self, task: Task, /) -> Message:
        await Distrust((f"guest {self.name}",))
        return await Think(self.name, self.turns.name, BRIEF, conversation(task), self.turns)


class Turns:
    """The model behind a guest. `acts` says that an answer may have consequences, so none is asked for twice."""

    def __init__(self, name: str, take: Take, timeout: float, *, acts: bool) -> None:
        self.name = name
        self.acts = acts
        self._take = take
        self._timeout = timeout

    async def __call__(self, think: Think, /) -> Message:
        """What the guest answers."""
        return await self.stream(think, _to_nobody)

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The same, told as it comes.

        Raises:
            EffectFailed: one of its kinds, whatever the framework raised.
        """
        turn = Turn(think, tell)
        try:
            answer = await self._in_time(turn)
            output = storable(answer.output, think.actor)
        except Exception as error:  # the world meets the shell here: a framework may throw anything
            _raise(self.name, error, turn.spent)
        return Message(sender=think.actor, text=answer.text, output=output, usage=turn.spent)

    async def _in_time(self, turn: Turn) -> Answer:
        alarm = asyncio.timeout(self._timeout)
        try:
            async with alarm:
                return await self._take(turn)
        except TimeoutError as error:
            if not alarm.expired():
                raise
            raise TimedOut(f"guest {self.name!r} took longer than {self._timeout:g} s") from error


def lines(think: Think) -> list[Line]:
    """The conversation as two sides that alternate."""
    return [Line(turn.own, "\n\n".join(map(_text, turn.parts))) for turn in turns(think)]


def _text(part: Part) -> str:
    """What a part says; files are named, because not every framework takes them."""
    files = () if isinstance(part, Said) else part.files
    unseen = (f"(A file that cannot be shown here: {file.name or file.url or file.media})" for file in files)
    return "\n".join((part.text, *unseen))


def kit(module: str, distribution: str) -> Any:
    """A module of a framework, imported now.

    Raises:
        BadInput: if it is not installed, with how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise BadInput(f"this guest needs {distribution}: pip install {distribution} ({error})") from error


def called(agent: Any, name: str, *, default: str) -> str:
    """What a guest is called: `name`, or what the agent calls itself with what no name may have taken out."""
    own = name or getattr(agent, "name", None) or default
    return name or "-".join(str(own).replace("/", " ").replace(".", " ").split()) or default


def _to_nobody(delta: Delta) -> None:
    """Tell nobody."""


def _raise(name: str, error: Exception, spent: Usage) -> NoReturn:
    """Raise what `error` is to us.

    Raises:
        CoterieError: always.
    """
    if isinstance(error, CoterieError):
        ours = error
    else:
        kind = next(filter(None, map(_kind, _causes(error))), GuestFailed)
        ours = kind(f"guest {name!r}: {type(error).__name__}: {error}")
    ours.usage = spent
    raise ours from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, at most ten deep."""
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _kind(error: BaseException) -> type[CoterieError] | None:
    """Which of our errors this one is, by what it says of itself."""
    if isinstance(error, TimeoutError):
        return TimedOut
    if isinstance(error, ConnectionError):
        return ModelUnavailable
    status = getattr(error, "status_code", None)
    return _by_status(status) if isinstance(status, int) else None


def _by_status(status: int) -> type[CoterieError]:
    """What an HTTP status of a provider means (RFC 9110)."""
    known: dict[int, type[CoterieError]] = {401: NoAccess, 403: NoAccess, 429: RateLimited}
    return known.get(status) or (ModelUnavailable if status >= 500 else ModelRefused)
