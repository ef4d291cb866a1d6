"""The stage: performs the runs of one store in this process.

Theory of operation
===================

1. A run under way is one `Run` in this process. A run that waits, or has ended, is rows in the store and takes no
   memory.
2. A stage that opens goes on with what was interrupted. One that closes stops performing and ends nothing: it gives
   the leases back, and the next one goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

from coterie.actor import Actor, Given
from coterie.carriers import Groups
from coterie.errors import Busy, CoterieError, EngineUnavailable, Overloaded
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, paused, wakes
from coterie.ports import Engine, Memory, Model, Observer, Policy, Store
from coterie.reach.trace import HEADER, carried, parent_of, within
from coterie.shell import run as shell
from coterie.shell.air import Airs, Heard, live_of
from coterie.shell.alarm import Alarm
from coterie.shell.children import Nursery, found
from coterie.shell.given import groups_of
from coterie.shell.handle import Run
from coterie.shell.job import Job, may_run, new_id
from coterie.shell.pausing import GRACE, PARK
from coterie.shell.traced import world_for
from coterie.shell.watch import Watched
from coterie.shell.world import World
from coterie.words.doubt import NO_RULES, Doubt
from coterie.words.event import Opened
from coterie.words.limits import DEFAULT, Limits
from coterie.words.principal import Principal
from coterie.words.quota import Quota
from coterie.words.result import Result
from coterie.words.task import Task, task_of
from coterie.words.which import Which

DISPATCH = "dispatch"
"""The entry of a run's origin that says how urgent it is, and what whoever performs it needs."""
UNTOLD = 1.0
"""Seconds after which a run is due again that no worker could be told of."""
AT_ONCE = 1_000
"""Runs under way on one stage, unless it says otherwise."""


class Stage(Watched):
    """The runs of one store, performed in this process.

    `actor_of` finds the actor of a run that is in the store, `model` is what agents without one of their own
    ask, and `memory` what is remembered beyond them; `origin_of` says where a team comes from that a run starts by its
    name. With an `engine`, runs are begun here and performed by its workers. With `overhear`, models are streamed
    before anybody watches, so that whoever comes later sees what is being said. `in_doubt` says what becomes of tools,
    by patterns of their names, that were under way at a crash. `quota` is what all runs of the store may use up
    together in a day. Runs that wait for `parks` seconds or more leave memory, if somebody rings when they are due: an
    `Alarm` does. Used as a context manager, it goes on with what was interrupted, rings, and stops performing on the
    way out.
    """

    def __init__(
        self,
        store: Store,
        *,
        actor_of: Callable[[Opened], Actor],
        model: Callable[[Mapping[str, Any]], Model | str | None] = lambda origin: origin.get("model"),
        at_once: int = AT_ONCE,
        engine: Engine | None = None,
        tenant: str = "default",
        policy: Policy | None = None,
        observers: Sequence[Observer] = (),
        overhear: bool = False,
        in_doubt: Mapping[str, Doubt] = NO_RULES,
        parks: float | None = None,
        clock: Callable[[], float] = time.time,
        memory: Callable[[Mapping[str, Any]], Memory | None] = lambda _: None,
        quota: Quota | None = None,
        origin_of: Callable[[str], Mapping[str, Any]] = lambda name: {"team": name, "name": name},
    ) -> None:
        super().__init__(store)
        self._in_doubt = in_doubt
        self.parks = parks
        self.clock = clock
        self._memory = memory
        self._quota = quota
        self.origin_of = origin_of
        self.tenant = tenant
        self._engine = engine
        self._policy = policy
        self._actor_of = actor_of
        self._model = model
        self._at_once = at_once
        self._observers = tuple(observers)
        self._overhear = overhear
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._alarm: Alarm | None = None
        self._carried = live_of(engine)
        self.airs = None if self._carried is None else Airs(self._carried, tenant, self._live)
        """What is told of its runs to those who watch them elsewhere."""

    async def __aenter__(self) -> Self:
        self.parks = PARK if self.parks is None else self.parks
        await self.go_on()
        self._alarm = Alarm(lambda: [self])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._alarm is not None:
            await self._alarm.close()
        await self.close()

    @property
    def groups(self) -> Groups:
        """Who carries what groups of runs are told.

        Raises:
            BadInput: if nobody does.
        """
        return groups_of(self._engine, self.store, self.tenant)

    async def begin(
        self,
        actor: Actor,
        task: Given = "",
        *,
        id: str | None = None,
        origin: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT,
        by: Principal | None = None,
        priority: int = 1,
        needs: Sequence[str] = (),
        at: float | None = None,
    ) -> str:
        """Begin to perform `actor` on `task`, for `by`; the id of the run, once its journal is open.

        With an engine, `priority` (0 low to 3 urgent) and what a worker `needs` to have say who performs it, and when.
        With `at`, in seconds since the epoch, it begins then, if somebody rings.

        Raises:
            Denied: if the policy does not let `by` run it. Nothing was begun.
            Busy: if there is a run of that id.
            Overloaded: if as many runs are under way as may be.
            OverLimit: if the tenant has begun as many runs today as its quota allows.
        """
        if id is not None and (id in self._runs or await self.store.read(id)):
            raise Busy(f"there is a run {id!r} already; give the new one another id, or none")
        job = self._job(actor, task_of(task), origin or {}, id or new_id())
        job.origin = {**(origin or {}), **carried(), **_dispatched(priority, needs)}
        job.limits = limits
        return await self._opened(job, by, at)

    async def _opened(self, job: Job, by: Principal | None, at: float | None = None) -> str:
        """Have a new job performed, here or by a worker, now or when it is due, once `by` may; its id."""
        job.by = by or job.by
        may_run(self._policy, job)
        if at is not None:
            await job.open(at)
        elif self._engine is None:
            await self._perform(job)
        else:
            await job.open()
            await self._dispatch(job.id, job.origin)
        return job.id

    async def go_on(self) -> list[str]:
        """Go on with every run that was interrupted; the ids of those that could be.

        A run whose actor cannot be found, or that somebody else performs, is left alone.
        """
        gone_on: list[str] = []
        for seen in await self.store.runs(Which(statuses=("running", "interrupted"))):
            if seen.id not in self._runs and seen.wakes is None:
                with contextlib.suppress(CoterieError):
                    await self._go_on_with(seen.id)
                    gone_on.append(seen.id)
        return gone_on

    async def ring(self) -> int:
        """Have every run gone on with whose time has come; how many they are.

        A run whose actor cannot be found here is due once more, for others.
        """
        due = await self.store.due(self.clock())
        await asyncio.gather(*(self.wake(id) for id in due))
        return len(due)

    async def wake(self, id: str) -> None:
        """Have a run gone on with whose time has come; one that has ended or is paused is left alone for good."""
        with contextlib.suppress(CoterieError):
            records = await self.journal(id)
            if closed(records) is not None or paused(counted(records)):
                await self.store.release(await self.store.claim(id))
            elif self._live(id) is None:
                try:
                    await self._go_on_with(id)
                except EngineUnavailable:
                    await self.store.wake(id, self.clock() + UNTOLD)

    async def perform(self, id: str) -> bool:
        """Go on with a run until it ends or only people can move it; nothing, where that is so already.

        False if it was begun with other code than there is here: whoever has that code may go on with it.

        Raises:
            UnknownRun: if the store has no such run.
            Busy: if somebody else performs it.
        """
        records = await self.journal(id)
        if closed(records) is None and not paused(records):
            run = self._live(id) or await self._again(id)
            try:
                return (await run.result()).status != "needs_migration"
            except asyncio.CancelledError:
                await run.leave()
                raise
        return True

    async def cancel(self, id: str, reason: str = "cancelled") -> Result:
        """Stop a run, whoever performs it; what was finished stays, and it can be resumed.

        Raises:
            UnknownRun: if the store has no such run.
        """
        id = await self.newest(id)
        run = self._live(id)
        if run is not None:
            stopped = await run.cancel(reason)
            if stopped.status != "waiting":  # it was being parked, and looked no more
                return stopped
        return await shell.cancel(id, store=self.store, reason=reason)

    async def pause(self, id: str, reason: str = "paused", grace: float = GRACE) -> Result:
        """Begin nothing new in a run, whoever performs it, and put it away when what is under way has settled.

        What has not after `grace` seconds is stopped. Nobody goes on with it until it is resumed.

        Raises:
            UnknownRun: if the store has no such run.
        """
        run = self._live(id)
        if run is not None:
            still = await run.pause(reason, grace)
            if still.status != "waiting":  # it was being parked, and looked no more
                return still
        return await shell.pause(id, store=self.store, reason=reason, grace=grace)

    async def resume(self, id: str, *, limits: Mapping[str, Any] | None = None) -> None:
        """Go on with a run that was cancelled, failed, was interrupted or is stuck, with raised `limits`.

        Raises:
            UnknownRun: if the store has no such run.
            Busy: if it is under way.
        """
        sleeps = not limits and wakes(await self.journal(id)) is not None
        if self._live(id) is not None or sleeps:
            raise Busy(f"run {id!r} is under way")
        await self._again(id, raised=limits)

    async def fork(
        self,
        id: str,
        actor: Actor | None = None,
        *,
        at: int | None = None,
        new: str | None = None,
        origin: Mapping[str, Any] | None = None,
        by: Principal | None = None,
        **change: Any,
    ) -> str:
        """Begin `id` again under a new id, with one thing changed (see `coterie.fork`); the new id.

        Raises:
            UnknownRun: if the store has no such run.
            BadInput: if `at` is no event of it, or the change is neither `task` nor `value`.
            Busy: if there is a run of the new id.
        """
        records = await self.journal(id)
        began = opened(records)
        job = shell.forked(
            actor or self.found(began),
            id,
            records,
            self._world(began.origin),
            self.store,
            at=at,
            change=change,
        )
        job.id = new or job.id
        job.parks = self.parks
        job.world.starter = Nursery(self, job)
        if new is not None and (new in self._runs or await self.store.read(new)):
            raise Busy(f"there is a run {new!r} already; give the fork another id, or none")
        job.origin = {**job.origin, **(origin or {}), **carried()}
        job.policy, job.by = self._policy, by or job.by
        job.quota, job.tenant = self._quota, self.tenant
        may_run(self._policy, job)
        await self._perform(job)
        return job.id

    async def close(self) -> None:
        """Stop performing, and end nothing: whoever opens the store next goes on."""
        runs = list(self._runs.values())
        self._runs.clear()
        for run in runs:
            await run.leave()

    def _world(self, origin: Mapping[str, Any]) -> World:
        given: dict[str, Any] = {"memory": self._memory(origin), "doubts": self._in_doubt}
        return world_for(self._observers, self._model(origin), **given)

    def _job(self, actor: Actor, task: Task | None, origin: Mapping[str, Any], id: str) -> Job:
        job = Job(actor, task, self._world(origin), self.store, id)
        job.policy = self._policy
        job.parks = self.parks
        job.quota, job.tenant = self._quota, self.tenant
        job.world.starter = Nursery(self, job)
        return job

    async def _go_on_with(self, id: str) -> None:
        """Have a run gone on with: here, or by whichever worker the engine finds."""
        if self._engine is None:
            await self._again(id)
        else:
            await self._dispatch(id, opened(await self.journal(id)).origin)

    async def _dispatch(self, id: str, origin: Mapping[str, Any]) -> None:
        """Have a worker perform a run, as urgently and by whom its origin says."""
        assert self._engine is not None  # it was looked
        await self._engine.dispatch(id, tenant=self.tenant, **origin.get(DISPATCH, {}))

    def found(self, began: Opened) -> Actor:
        """The actor of a run, or of a child among the members of the team that it comes from.

        Raises:
            BadInput: if there is none.
        """
        return found(self._actor_of, began)

    async def _again(self, id: str, raised: Mapping[str, Any] | None = None) -> Run:
        """Go on with a run here."""
        began = opened(await self.journal(id))
        job = self._job(self.found(began), None, began.origin, id)
        job.origin = began.origin
        job.raised = raised or {}
        job.again = True
        return await self._perform(job)

    async def _perform(self, job: Job) -> Run:
        """Begin to perform a job; back when its journal is open and it holds the lease."""
        if len(self._runs) >= self._at_once:
            raise Overloaded(f"{self._at_once} runs are under way, as many as may be; try again later")
        job.observers = self._observers
        with within(parent_of(job.origin.get(HEADER))):
            run = self._runs[job.id] = Run(job, attended=False)
        if self._overhear:
            run.overheard()
        try:
            await run.begun()
        except BaseException:
            self._runs.pop(job.id, None)
            raise
        run.when_done(self._ended)
        if self.airs is not None:
            self.airs.began(run)
        return run

    def _listening(self, id: str, heard: Heard) -> AbstractAsyncContextManager[None]:
        """Have heard what is told of a run that another process performs, where the engine carries it."""
        return nullcontext() if self._carried is None else self._carried.listen(self.tenant, id, heard.take)

    def _ended(self, run: Run) -> None:
        if self._runs.get(run.id) is run:
            del self._runs[run.id]


def _dispatched(priority: int, needs: Sequence[str]) -> dict[str, Any]:
    """What an origin says of how a run is dispatched; nothing, where that is as usual."""
    return {} if priority == 1 and not needs else {DISPATCH: {"priority": priority, "needs": list(needs)}}
