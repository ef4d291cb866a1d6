"""Frames and strands: who is working, below whom, and what each step is called.

A *frame* is one call of an actor. Its path is its parent's path and its own name, with `.n`
from the second occurrence on (`report/debate/hope.2`). A *strand* is one coroutine that the
kernel moves, with the stack of the frames it is in. Counters belong to a frame, and a frame
belongs to one strand, so a path depends on the order of that strand's own steps and never on
which sibling finished first.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any, Protocol

from msgspec.structs import replace

from coterie.errors import Circular, Late, OverLimit
from coterie.kernel.budget import FREE, Account, Amounts
from coterie.kernel.joins import RACE, Join
from coterie.kernel.taint import Sources, labelled, merged
from coterie.words.grant import Grant, both
from coterie.words.limits import Limits
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.usage import NOTHING, ONE_TOOL_CALL, Usage


class Playable(Protocol):
    """What the kernel needs of an actor: a name, and a play for each task."""

    @property
    def name(self) -> str:
        """The actor's name, as it appears in paths."""
        ...

    @property
    def limits(self) -> Limits | None:
        """What one call of the actor may use up."""
        ...

    @property
    def grant(self) -> Grant | None:
        """The tools that may be used in the actor and below it, if fewer than its caller grants."""
        ...

    def play(self, task: Task, /) -> Coroutine[Any, Any, Message]:
        """The work itself."""
        ...


class Call:
    """An actor called with a task: awaiting it opens a frame and gives the actor's message.

    `grant` is what the caller grants it, where that is less than the caller's own frame has.
    """

    __slots__ = ("actor", "grant", "task")

    def __init__(self, actor: Playable, task: Task, grant: Grant | None = None) -> None:
        self.actor = actor
        self.task = task
        self.grant = grant

    def __await__(self) -> Generator[Call, Message, Message]:
        return (yield self)


class Frame:
    """One call of an actor, or one plain coroutine that runs beside others."""

    __slots__ = (
        "_spent",
        "_uses",
        "account",
        "acted",
        "actor",
        "counts",
        "depth",
        "finished",
        "grant",
        "marks",
        "name",
        "parent",
        "path",
        "taint",
        "task",
    )

    def __init__(
        self, name: str, parent: Frame | None, call: Call | None = None, account: Account | None = None
    ) -> None:
        self.name = name
        self.parent = parent
        self.counts: dict[str, int] = {}
        self._spent: Usage = NOTHING
        self._uses = 0
        self.marks: list[str] | None = None
        self.acted = False
        self.finished: list[Message] = []
        self.grant: Grant | None
        self.taint: Sources = () if parent is None else parent.taint
        self.actor: Playable | None = None
        self.task: Task | None = None
        self.path: str
        self.depth: int
        self.account: Account | None
        if parent is None:
            self.path, self.depth, self.account, self.grant = name, 0, account, None
        else:
            self.path, self.depth, self.account = parent.step(name), parent.depth + 1, parent.account
            self.grant = parent.grant
        if call is not None:
            self.actor, self.task = call.actor, call.task
            if call.task.taint:
                self.read(call.task.taint)
            if call.grant is not None:
                self.grant = both(self.grant, call.grant)
            if call.actor.grant is not None:
                self.grant = both(self.grant, call.actor.grant)
            limits = call.actor.limits
            if limits is not None:
                self.account = Account(limits, self.path, self.account)

    def step(self, name: str) -> str:
        """The path of the next child frame called `name`."""
        counts = self.counts
        if name not in counts:
            counts[name] = 1
            return f"{self.path}/{name}"
        count = counts[name] = counts[name] + 1
        return f"{self.path}/{name}.{count}"

    def effect(self, name: str) -> str:
        """The path of the next effect called `name`."""
        key = name + "."
        count = self.counts[key] = self.counts.get(key, 0) + 1
        return f"{self.path}/{name}.{count}"

    def act(self) -> None:
        """Remember, here and above, that a tool with consequences was begun."""
        frame: Frame | None = self
        while frame is not None and not frame.acted:
            frame.acted = True
            frame = frame.parent

    def read(self, taint: Sources) -> None:
        """Be tainted by what was read."""
        self.taint = merged(self.taint, taint)

    def left(self) -> None:
        """Let the frame above know what this one has cost and read."""
        parent = self.parent
        if parent is not None:
            parent.spend(self.usage if self._uses else self._spent)
            if self.taint is not parent.taint:
                parent.read(self.taint)

    def said(self, value: Message | str) -> Message:
        """What the actor answers, with what it cost and where its words came from."""
        message = Message(sender=self.name, text=value) if isinstance(value, str) else value
        spent = self.usage if self._uses else self._spent
        if spent is not NOTHING and message.usage is not spent:
            message = replace(message, usage=spent)
        return labelled(message, self.taint) if self.taint else message

    @property
    def usage(self) -> Usage:
        """What was spent below this frame."""
        if self._uses:
            self._spent += Usage(tool_calls=self._uses)
            self._uses = 0
        return self._spent

    def spend(self, usage: Usage) -> None:
        """Count what was spent below this frame."""
        if usage is ONE_TOOL_CALL:  # what most steps of a long run cost; added up when it is asked for
            self._uses += 1
        elif usage is not NOTHING:
            self._spent = usage if self._spent is NOTHING else self._spent + usage


def open_frame(parent: Frame, call: Call) -> Frame:
    """The frame of `call` below `parent`.

    Raises:
        Circular: if the actor is already working on this task above.
        OverLimit: if that is deeper than a limit allows.
    """
    frame = Frame(call.actor.name, parent, call)
    account = parent.account
    while account is not None:
        deepest = account.limits.depth
        if deepest is not None and frame.depth > deepest:
            raise OverLimit(f"{deepest} frames deep: does a team call itself?", path=frame.path)
        account = account.above
    above: Frame | None = parent
    while above is not None:
        if above.actor is call.actor and above.task == call.task:
            names = " -> ".join([*_names(frame, above)])
            raise Circular(f"circular delegation of the same task: {names}", path=frame.path)
        above = above.parent
    return frame


def narrow(frame: Frame, branches: int) -> None:
    """See that a join has no more branches than a limit allows.

    Raises:
        OverLimit: if it has.
    """
    account = frame.account
    while account is not None:
        widest = account.limits.fan_out
        if widest is not None and branches > widest:
            why = f"fan_out of {account.path!r}: {branches:,} branches, {widest:,} are allowed"
            raise OverLimit(why, path=frame.path)
        account = account.above


def play_of(call: Call) -> Coroutine[Any, Any, Message]:
    """The play of a call, stopped when the seconds are over that its actor is limited to."""
    play, limits = call.actor.play(call.task), call.actor.limits
    if limits is None or limits.seconds is None:
        return play
    return _in_time(play, call.actor.name, limits.seconds)


async def _in_time(play: Coroutine[Any, Any, Message], name: str, seconds: float) -> Message:
    join = Join((play,), RACE, seconds)
    try:
        message: Message = await join
    except Late as error:
        if not join.left:  # the play's own
            raise
        raise OverLimit(f"seconds of {name!r}: {seconds:g} are over") from error
    return message


def _names(frame: Frame, top: Frame) -> list[str]:
    names = [frame.name]
    while frame is not top and frame.parent is not None:
        frame = frame.parent
        names.append(frame.name)
    return names[::-1]


class Strand:
    """One coroutine that the kernel moves, and where it stands."""

    __slots__ = (
        "brings",
        "closed",
        "coro",
        "frame",
        "held",
        "join",
        "owner",
        "slot",
        "stack",
        "vouched",
        "wait",
    )

    def __init__(
        self, coro: Coroutine[Any, Any, Any], frame: Frame, owner: Join | None = None, slot: int = 0
    ) -> None:
        self.coro = coro
        self.frame = frame
        self.stack: list[tuple[Coroutine[Any, Any, Any], Frame]] = []
        self.owner = owner
        self.slot = slot
        self.closed = False
        self.join: Join | None = None
        self.wait: Any = None
        self.held: Amounts = FREE
        """What is reserved for the effect it waits for."""
        self.brings: Sources = ()
        """What the outcome of the effect it waits for taints its frame by."""
        self.vouched = b""
        """The use of a sensitive tool that a person allows it next."""

    def push(self, coro: Coroutine[Any, Any, Any], frame: Frame) -> None:
        """Go on in `coro`, inside `frame`."""
        self.stack.append((self.coro, self.frame))
        self.coro, self.frame = coro, frame

    def pop(self) -> Frame:
        """Go back to the caller; give the frame that was left."""
        left = self.frame
        self.coro, self.frame = self.stack.pop()
        return left

    def shut(self) -> list[Exception]:
        """Close its coroutines, the deepest first, and count what they spent and read; what they raised meanwhile."""
        raised: list[Exception] = []
        part = self.owner.parts[self.slot] if self.owner is not None and self.slot >= 0 else None
        if isinstance(part, Join) and getcoroutinestate(self.coro) == CORO_CREATED:
            part.forgo()
        for coro in (self.coro, *(coro for coro, _ in reversed(self.stack))):
            try:
                coro.close()
            except Exception as error:  # a `finally` that raises or awaits must not stop the closing
                raised.append(error)
        for frame in (self.frame, *(frame for _, frame in reversed(self.stack))):
            frame.left()  # what was spent and read below has been, whoever waits for it
        return raised
