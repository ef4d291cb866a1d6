"""Strategies for conflicts: by priority, merged, escalated, or rolled back and done one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.check import label
from coterie.kernel.values import to_plain
from coterie.patterns.choose import choice
from coterie.patterns.contest import Work
from coterie.words.effect import Ask, Get
from coterie.words.intent import Intent
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread
from coterie.words.tokens import shown

Merger: TypeAlias = "Callable[[Any, Any, Any], Any] | Actor"
"""Makes one of two versions that came of a third: `(base, theirs, mine)`; an actor finds them in its data."""
Undo: TypeAlias = "Callable[[Message], Awaitable[object] | None] | Actor"
"""Takes back what work did elsewhere, given what it said."""
WAYS = {
    "again": "the work is done again, on what was written meanwhile",
    "mine": "what was written meanwhile is replaced",
    "theirs": "what was written meanwhile stays, and this work is not written",
}
"""What a conflict may be decided to, seen from the work that came later."""
MERGE = "Two changed the same thing at once. Make one of both versions, and lose nothing of either."


class ByPriority(Struct, frozen=True):
    """Who wants a resource waits for who has it; of those who wait, the most urgent is next, then in order."""

    first: bool = True
    actors: tuple[Actor, ...] = ()

    def describe(self) -> Any:
        return "priority"

    async def settle(self, work: Work, rivals: list[Intent]) -> str:
        await work.again(rivals)
        return "somebody wrote without claiming; done again"


class InOrder(Struct, frozen=True):
    """All act at once; who meets with others is rolled back and acts again while they wait."""

    undo: Undo | None = None
    first: bool = False

    @property
    def actors(self) -> tuple[Actor, ...]:
        return (self.undo,) if isinstance(self.undo, Actor) else ()

    def describe(self) -> Any:
        return ["in order", self.undo and label(self.undo)]

    async def settle(self, work: Work, rivals: list[Intent]) -> str:
        if isinstance(self.undo, Actor):
            await self.undo(work.said)
        elif self.undo is not None:
            undone = self.undo(work.said)
            if inspect.isawaitable(undone):
                await undone
        await work.again(rivals)
        return "rolled back, and done again after them"


class Merging(Struct, frozen=True):
    """All act at once; who meets with others at one resource writes both versions made into one."""

    by: Merger
    first: bool = False

    @property
    def actors(self) -> tuple[Actor, ...]:
        return (self.by,) if isinstance(self.by, Actor) else ()

    def describe(self) -> Any:
        return ["merge", label(self.by)]

    async def settle(self, work: Work, rivals: list[Intent]) -> str:
        if not work.intent.write or any(one.resource != work.intent.resource for one in rivals):
            await work.again(rivals)
            return "there is nothing to merge; done again after them"
        base, theirs, mine = work.base.value, await Get(work.intent.resource), work.mine
        work.base = theirs
        work.said = await self._merged(work.said, base, theirs.value, mine)
        return f"merged by {label(self.by)}"

    async def _merged(self, said: Message, base: Any, theirs: Any, mine: Any) -> Message:
        if not isinstance(self.by, Actor):
            made = self.by(base, theirs, mine)
            return (
                replace(said, text=made, output=None) if isinstance(made, str) else replace(said, output=made)
            )
        versions = {"base": base, "theirs": theirs, "mine": mine}
        rows = [
            Message(sender="user", text=f"{name}:\n{shown(to_plain(one))}") for name, one in versions.items()
        ]
        made = await self.by(Task(MERGE, Thread(rows), versions))
        return replace(said, text=made.text, output=made.output)


class Escalating(Struct, frozen=True):
    """All act at once; where work meets with others, an actor decides, or without one a person."""

    to: Actor | None = None
    first: bool = False

    @property
    def actors(self) -> tuple[Actor, ...]:
        return () if self.to is None else (self.to,)

    def describe(self) -> Any:
        return ["escalate", self.to and self.to.name]

    async def settle(self, work: Work, rivals: list[Intent]) -> str:
        theirs = await Get(work.intent.resource)
        met = "; ".join(map(str, rivals))
        question = (
            f"{work.intent}, and meanwhile: {met}. What should become of the work of {work.intent.actor!r}?"
        )
        decided, by = await self._decided(question, theirs.value, work.mine)
        if decided == "again":
            await work.again(rivals)
        elif decided == "mine":
            work.base = theirs
        work.keep = decided != "theirs"
        return f"{by} decided {decided!r}: {WAYS[decided]}"

    async def _decided(self, question: str, theirs: Any, mine: Any) -> tuple[str, str]:
        if self.to is None:
            told = "\n".join(f"{name}: {what}" for name, what in WAYS.items())
            both = f"theirs:\n{shown(to_plain(theirs))}\nmine:\n{shown(to_plain(mine))}"
            return str(await Ask(f"{question}\n{both}\n{told}", "choice", tuple(WAYS))), "a person"
        rows = [
            Message(sender="user", text=f"{name}:\n{shown(to_plain(one))}")
            for name, one in (("theirs", theirs), ("mine", mine))
        ]
        made = await choice(self.to, question, Task("", Thread(rows)), WAYS)
        return (
            (made.value, self.to.name)
            if made.value
            else ("again", f"rule ({self.to.name} chose twice wrongly)")
        )


by_priority = ByPriority()
"""Wait for who has it; the most urgent of those who wait is next."""


def in_order(undo: Undo | None = None) -> InOrder:
    """Act at once; who meets with others takes back what it did elsewhere (`undo`) and acts again after them."""
    return InOrder(undo)


def merging(by: Merger) -> Merging:
    """Act at once; who meets with others writes what `by` makes of both versions."""
    return Merging(by)


def escalating(to: Actor | None = None) -> Escalating:
    """Act at once; where work meets with others, `to` decides what becomes of it, or a person does."""
    return Escalating(to)
