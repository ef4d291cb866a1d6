"""Children: how the runs that a run begins are called, found, performed and stopped.

Theory of operation
===================

1. A child is called after the run and the step that began it, so it is begun once, however often that is tried.
2. Its origin has what its parent's has, and says who its parent is and who is above; so whoever can find the actor of
   the parent finds its own, on any host.
3. Whoever performs a child to its end wakes its parent. Should that get lost, the parent looks once in a while.
4. A child of which nobody waits for the answer any more is cancelled; if the parent goes on after all, so does it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.carriers import Groups
from coterie.errors import BadInput, Busy, Circular, CoterieError, OverLimit, Overloaded, RunError, UnknownRun
from coterie.kernel.story import ENDED, under_way
from coterie.kernel.taint import TAINT
from coterie.kernel.values import to_plain
from coterie.ports import DROPPED, Store
from coterie.shell.given import groups_of
from coterie.shell.job import PARENT, Job
from coterie.team import actors
from coterie.words.digest import digest_of
from coterie.words.effect import kind_of
from coterie.words.event import Opened, Record, Signalled
from coterie.words.grant import GRANTED
from coterie.words.permit import GOVERNED
from coterie.words.result import Result
from coterie.words.start import Begin, Begins, Renew, Start
from coterie.words.which import Which

if TYPE_CHECKING:
    from coterie.shell.stage import Stage

LOOK = 0.25
"""Seconds between two looks at a run that another process performs."""
QUICK = 1.0
"""Seconds for a child to end before its parent is put away until it has."""
DEEPEST = 32
"""Runs above one another."""
_OWN = ("fork", "renewed", "dispatch", TAINT, GOVERNED, GRANTED)
"""What of an origin is about that run alone."""


def child_of(run: str, path: str) -> str:
    """What the child is called that a step of a run begins."""
    return f"{run}-{digest_of(path).hex()[:8]}"


def next_of(run: str) -> str:
    """What a run is called that goes on as another."""
    first, mark, count = run.rpartition("~")
    return f"{first}~{int(count) + 1}" if mark and count.isdigit() else f"{run}~2"


def origin_of(job: Job, path: str, asked: Begins) -> dict[str, Any]:
    """Where a run comes from that a step of `job` begins.

    Raises:
        Circular: if a run above it has the same task for the same actor.
        OverLimit: if there are too many runs above it.
    """
    above = [*job.origin.get(PARENT, {}).get("above", ()), _key(job.actor.name, job.task)]
    if _key(asked.name, asked.task) in above:
        raise Circular(f"a run above works on the same task for {asked.name!r} already", path=path)
    if len(above) > DEEPEST:
        raise OverLimit(f"{DEEPEST} runs above one another: does a team start itself?", path=path)
    parent: dict[str, Any] = {"run": job.id, "path": path, "above": above}
    granted = {} if asked.grant is None else {GRANTED: to_plain(asked.grant)}
    if isinstance(asked.actor, str):
        return {PARENT: parent, **granted}
    kept = {name: value for name, value in job.origin.items() if name not in (*_OWN, PARENT)}
    if (grown := job.origin.get(PARENT, {}).get("member")) is not None:
        parent["member"] = grown
    else:
        parent["member"] = {"root": job.actor.name}
    return {**kept, PARENT: parent, **granted}


def _key(name: str, task: Any) -> list[str]:
    """A task for an actor, told from any other."""
    return [name, "" if task is None else digest_of([task.text, task.data]).hex()[:16]]


def found(actor_of: Callable[[Opened], Actor], began: Opened) -> Actor:
    """The actor of a run; that of a child is looked for among the members of the team that it comes from.

    Raises:
        BadInput: if it is no member.
    """
    member = began.origin.get(PARENT, {}).get("member")
    if member is None:
        return actor_of(began)
    origin = {name: value for name, value in began.origin.items() if name != PARENT}
    root = actor_of(replace(began, actor=member["root"], origin=origin))
    return member_of(root, began.actor)


def member_of(root: Actor, name: str) -> Actor:
    """The member of a team that is called `name`.

    Raises:
        BadInput: if there is none.
    """
    for actor in actors(root).values():
        if actor.name == name:
            return actor
    raise BadInput(f"{name!r} is no member of {root.name!r}: start one that is, or a team by its name")


def stopped(run: str) -> str:
    """Why a child is cancelled."""
    return f"run {run!r} waits for it no more"


def waited_for(run: str, records: Sequence[Record]) -> list[str]:
    """The children that a run waits for by its journal."""
    return [
        child_of(run, path) for path, effect in under_way(records).items() if kind_of(effect) == Start.kind
    ]


@asynccontextmanager
async def kept_or_stopped(stop: Callable[[], Awaitable[object]]) -> AsyncGenerator[None]:
    """Stop what was begun elsewhere, if nobody waits for it any more."""
    try:
        yield
    except asyncio.CancelledError as cancelled:
        if cancelled.args == (DROPPED,):
            with contextlib.suppress(CoterieError):
                await stop()
        raise


class Nested:
    """Performs the children of one run where it is performed itself, to their end.

    `job` gives the job of the run; it is asked when the first child begins, which for most runs is never.
    """

    def __init__(self, job: Callable[[], Job]) -> None:
        self._job_of = job
        self.next: Job | None = None
        """What the run goes on as."""

    @cached_property
    def _job(self) -> Job:
        return self._job_of()

    async def start(self, path: str, start: Start, begun: Callable[[], None]) -> Result:
        job = self._job
        child = self._made(child_of(job.id, path), start)
        child.origin = origin_of(job, path, start)
        child.limits = start.most
        async with kept_or_stopped(lambda: _cancel(job.store, child.id, stopped(job.id))):
            return await child.perform()

    async def begin(self, path: str, begin: Begin) -> str:
        raise BadInput(
            "a run that goes its own way needs a host that performs it: `coterie serve`, or a worker"
        )

    async def tell(self, run: str, said: Signalled) -> None:
        await _told(self._job.store, run, said)

    async def renew(self, renew: Renew) -> str:
        job = self._job
        self.next = job.renewed(next_of(job.id), renew.task)
        with contextlib.suppress(Busy):  # it was opened before a crash
            await self.next.open(heard=renew.unheard)
        return self.next.id

    def groups(self) -> Groups:
        return groups_of(None, self._job.store, self._job.tenant)

    def _made(self, id: str, asked: Begins) -> Job:
        if isinstance(asked.actor, str):
            raise BadInput(f"nobody here finds a team by its name: start the actor {asked.actor!r} itself")
        job = self._job
        child = Job(asked.actor, asked.task, job.world.copy(), job.store, id)
        child.policy, child.by, child.observers = job.policy, job.by, job.observers
        child.quota, child.tenant = job.quota, job.tenant
        child.revives = stopped(job.id)
        return child


async def _told(store: Store, run: str, said: Signalled) -> None:
    """Have whoever performs a run hear something; where nobody does, it is due.

    Raises:
        UnknownRun: if there is no such run.
        RunError: if it is over.
    """
    seen = await store.runs(Which(id=run))
    if not seen:
        raise UnknownRun(f"no run {run!r} in this store, so nobody there is told")
    if seen[0].status in ENDED:
        raise RunError(f"run {run!r} is over, so nobody there is told")
    await store.signal(run, said)


async def _cancel(store: Store, id: str, reason: str) -> None:
    from coterie.shell.run import cancel  # it cancels children, too

    await cancel(id, store=store, reason=reason)


class Nursery:
    """Has the children of one run performed by its stage: here, or by whoever the engine finds."""

    def __init__(self, stage: Stage, job: Job) -> None:
        self._stage = stage
        self._job = job

    async def start(self, path: str, start: Start, begun: Callable[[], None]) -> Result:
        stage, job = self._stage, self._job
        id = child_of(job.id, path)
        async with kept_or_stopped(lambda: stage.cancel(id, stopped(job.id))):
            await self._goes(id, path, start)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUICK):
                    return await self._outcome(id)
            begun()
            return await self._outcome(id)

    async def begin(self, path: str, begin: Begin) -> str:
        id = begin.called or child_of(self._job.id, path)
        if not await self._stage.runs(Which(id=id)):
            await self._opened(id, path, begin, begin.at)
        return id

    async def tell(self, run: str, said: Signalled) -> None:
        await _told(self._stage.store, await self._stage.newest(run), said)

    async def renew(self, renew: Renew) -> str:
        job = self._job
        after = job.renewed(next_of(job.id), renew.task)
        with contextlib.suppress(Busy):  # it was opened before a crash
            await after.open(at=self._stage.clock(), heard=renew.unheard)
        with contextlib.suppress(CoterieError):  # it is due in any case
            await self._stage.wake(after.id)
        return after.id

    def groups(self) -> Groups:
        return self._stage.groups

    async def _goes(self, id: str, path: str, start: Start) -> None:
        """See that a child is under way."""
        seen = next(iter(await self._stage.runs(Which(id=id))), None)
        if seen is None:
            await self._opened(id, path, start, None)
        elif seen.status == "interrupted":
            await self._stage.wake(id)
        elif seen.status == "cancelled":
            end = await self._stage.result(id)
            if end.failure is not None and end.failure.message == stopped(self._job.id):
                await self._stage.resume(id)

    async def _opened(self, id: str, path: str, asked: Begins, at: float | None) -> None:
        stage = self._stage
        actor, origin = self._found(id, path, asked)

        async def begin(at: float | None) -> None:
            await stage.begin(
                actor,
                asked.task,
                id=id,
                origin=origin,
                limits=asked.most,
                by=self._job.by,
                priority=asked.priority,
                needs=asked.needs,
                at=at,
            )

        with contextlib.suppress(Busy):  # somebody else was quicker
            try:
                await begin(at)
            except Overloaded:
                await begin(stage.clock() + QUICK)

    def _found(self, id: str, path: str, asked: Begins) -> tuple[Actor, Mapping[str, Any]]:
        """Whom a step wants to run, and where that run comes from."""
        origin = origin_of(self._job, path, asked)
        if isinstance(asked.actor, str):
            named = asked.origin if isinstance(asked, Begin) else None
            origin = {**(named or self._stage.origin_of(asked.actor)), **origin}
        began = Opened(run=id, actor=asked.name, task=asked.task.text, origin=origin)
        return self._stage.found(began), origin

    async def _outcome(self, id: str) -> Result:
        """What a child comes to, or what it goes on as."""
        while True:
            await self._stage.left(id)
            seen = next(iter(await self._stage.runs(Which(id=id))), None)
            if seen is not None and seen.status == "renewed":
                id = next_of(id)
            elif seen is not None and seen.status in ENDED:
                return await self._stage.result(id)
            else:
                await asyncio.sleep(LOOK)
