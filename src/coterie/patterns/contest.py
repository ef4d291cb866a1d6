"""Contests: one piece of work on what others may be working on, too, and how it is written.

1. What is shared is an entry of the run's board, under the resource's name: its value is what was written last,
   its version counts. An actor is shown it, and what it answers is written.
2. Two intents conflict if they meet at one resource and one of them writes, or if a check says so.
3. Who works by priority claims first and acts then. Everybody else acts at once and is checked before it
   writes, against what was written since it began (Kung and Robinson, "On optimistic methods for
   concurrency control", 1981). Checking and writing happen under the kernel's claim on the resource.
4. So no write is lost unnoticed, whoever is quicker. What was decided is on the board, `<resource>.settled`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.errors import Conflict
from coterie.kernel.values import to_plain
from coterie.typed import value_of
from coterie.words.effect import Claim, Entry, Get, Put, Release
from coterie.words.intent import Intent, Resolution
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread
from coterie.words.tokens import shown

Check: TypeAlias = "Callable[[Intent, Intent], bool | Awaitable[bool]] | Actor"
"""Says whether two intents conflict though they meet nowhere: a function, or an actor that answers `yes`."""
LOG = "claims.log"
"""The board entry whose version counts the writes; `claims.log/<n>` is the intent of the n-th."""
BEGUN = "claims.begun"
"""The board entry with the intents of those who are at work by priority."""
TRIES = 8
"""Times that one piece of work may meet with others before it is a `Conflict`."""
TOGETHER = "Would it do harm if both of these were done, in any order? Answer yes or no."


class Strategy(Protocol):
    """What happens to work that met with other work. Members and settings make it part of a version."""

    @property
    def first(self) -> bool:
        """Whether the resource is claimed before the work, so that others wait."""
        ...

    @property
    def actors(self) -> tuple[Actor, ...]:
        """Who is asked to settle conflicts."""
        ...

    def describe(self) -> Any:
        """What this is, as plain data."""
        ...

    async def settle(self, work: Work, rivals: list[Intent]) -> str:
        """Have `work.said` be what is to be written over `work.base`, or `work.keep` be false; gives the reason."""
        ...


class Work:
    """One piece of work on a resource: what it began from, what came of it, and whether that is kept."""

    def __init__(self, actor: Actor, task: Task, intent: Intent, check: Check | None) -> None:
        self.actor, self.task, self.intent, self.check = actor, task, intent, check
        self.base = Entry(intent.resource)
        self.said = Message(sender=actor.name)
        self.keep = True
        self._seen = 0
        self._held: set[str] = set()
        self._checked: dict[str, bool] = {}

    @property
    def mine(self) -> Any:
        """What the work came to."""
        return self.said.text if self.said.output is None else to_plain(self.said.output)

    async def act(self) -> None:
        """Do the work on what the resource says now."""
        self._seen = (await Get(LOG)).version
        self.base = base = await Get(self.intent.resource)
        task = self.task
        if base.version:
            note = Message(sender="user", text=f"{base.key!r} says now:\n{shown(to_plain(base.value))}")
            shows = (task.context or Thread()).add(note)
            task = Task(task.text, shows, base.value if task.data is None else task.data)
        self.said = await self.actor(task)

    async def wait(self, priority: int) -> None:
        """Claim the resource, and those of everybody at work by priority with whom this conflicts."""
        begun = await Get(BEGUN)
        while not await Put(BEGUN, [*(begun.value or ()), self.intent], version=begun.version):
            begun = await Get(BEGUN)
        others = [value_of(one, Intent) for one in begun.value or ()] if self.check else []
        resources = {one.resource for one in others if await self._meets(one)}
        await self.hold(resources, priority)

    async def _leave(self) -> None:
        """Be at work no more; whoever fails stays in the list, and holds nobody up: its claims are free."""
        begun = await Get(BEGUN)
        rest = [one for one in begun.value or () if value_of(one, Intent).path != self.intent.path]
        if not await Put(BEGUN, rest, version=begun.version):
            await self._leave()

    async def hold(self, resources: set[str], priority: int = 1) -> None:
        """Claim `resources` with the own one. All claim in one order, so no circle comes of it."""
        own = self.intent.resource
        for one in self._held:
            await Release(one)
        self._held = {own, *resources}
        for one in sorted(self._held):
            await Claim(one, self.intent.write or one != own, priority)

    async def again(self, rivals: list[Intent]) -> None:
        """Do the work again, on what the resource says now, while everybody in the way waits."""
        await self.hold({one.resource for one in rivals})
        await self.act()

    async def finished(self, strategy: Strategy) -> Message:
        """What came of the work, written if it is to be kept.

        Raises:
            Conflict: if it met with others more than `TRIES` times.
        """
        rivals: list[Intent] = []
        for _ in range(TRIES):
            if not self._held:
                await self.hold(set())
            await Claim(LOG)
            rivals = await self._rivals()
            if not rivals and await self._written():
                if strategy.first:
                    await self._leave()
                return self.said
            await Release(LOG)
            why = await strategy.settle(self, rivals)
            by = type(strategy).__name__
            told = Resolution(intent=self.intent, rivals=tuple(rivals), by=by, why=why)
            await Put(f"{self.intent.resource}.settled", told)
            if not self.keep:
                return replace(self.said, unverified=f"not written to {self.intent.resource!r}: {why}")
        names = ", ".join(map(str, rivals))
        raise Conflict(f"{self.intent} met with others {TRIES} times, the last time with {names}")

    async def _rivals(self) -> list[Intent]:
        """Whose work was written since this began, and conflicts with it."""
        now = (await Get(LOG)).version
        since = [value_of((await Get(f"{LOG}/{n}")).value, Intent) for n in range(self._seen + 1, now + 1)]
        self._seen = now
        found = [one for one in since if await self._meets(one)]
        entry = await Get(self.intent.resource)
        if entry.version == self.base.version or any(one.resource == entry.key for one in found):
            return found
        return [*found, Intent(actor=entry.author, path=entry.author, resource=entry.key)]  # a plain `Put`

    async def _written(self) -> bool:
        """Whether the resource says what came of the work, and the log that it was written."""
        if not self.intent.write:
            return True
        if not await Put(self.intent.resource, self.mine, version=self.base.version):
            return False
        at = (await Get(LOG)).version + 1
        await Put(f"{LOG}/{at}", self.intent)
        return bool(await Put(LOG, at, version=at - 1))

    async def _meets(self, other: Intent) -> bool:
        """Whether another intent conflicts with this one; the check is asked once about each."""
        if self.check is None or self.intent.meets(other) or other.path == self.intent.path:
            return self.intent.meets(other) and other.path != self.intent.path
        if other.path not in self._checked:
            self._checked[other.path] = await _clashes(self.check, other, self.intent)
        return self._checked[other.path]


async def _clashes(check: Check, one: Intent, other: Intent) -> bool:
    if isinstance(check, Actor):
        said = await check(Task(f"1. {one}\n2. {other}\n{TOGETHER}"))
        return said.text.strip().casefold().startswith("yes")
    found = check(one, other)
    return await found if inspect.isawaitable(found) else found
