"""The stage: performs the runs of one store in this process.

Theory of operation
===================

1. A run under way is one `Run` in this process. A run that waits, or has ended, is rows in the store and takes no
   memory.
2. Who watches a run gets its journal and then what is appended to it, by number, each record once. What another
   process performs is read from the store, again and again.
3. A stage that opens goes on with what was interrupted. One that closes stops performing and ends nothing: it gives
   the leases back, and the next one goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from coterie.actor import Actor, Given
from coterie.errors import Busy, CoterieError, Overloaded
from coterie.kernel.inquiries import questions
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, paused, result, state
from coterie.ports import Engine, Model, Observer, Policy, Store
from coterie.shell import run as shell
from coterie.shell.handle import Run
from coterie.shell.job import Job, may_run, new_id
from coterie.shell.pausing import GRACE
from coterie.shell.world import World
from coterie.words.delta import Shown
from coterie.words.doubt import NO_RULES, Doubt
from coterie.words.event import Opened, Record
from coterie.words.limits import DEFAULT, Limits
from coterie.words.principal import Principal
from coterie.words.result import Overview, Result
from coterie.words.task import Task, task_of
from coterie.words.which import ALL, Which

AT_ONCE = 1_000
"""Runs under way on one stage, unless it says otherwise."""
LOOK = 0.25
"""Seconds between two looks at a run that another process performs."""


class Stage:
    """The runs of one store, performed in this process.

    `actor_of` finds the actor of a run that is in the store, `model` is what agents without one of their own
    ask. With an `engine`, runs are begun here and performed by its workers. With `overhear`, models are
    streamed before anybody watches, so that whoever comes later sees what is being said. `in_doubt` says what
    becomes of tools, by patterns of their names, that were under way at a crash. Used as a context manager, it
    goes on with what was interrupted, and stops performing on the way out.
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
    ) -> None:
        self.store = store
        self._in_doubt = in_doubt
        self.tenant = tenant
        self._engine = engine
        self._policy = policy
        self._actor_of = actor_of
        self._model = model
        self._at_once = at_once
        self._observers = tuple(observers)
        self._overhear = overhear
        self._runs: dict[str, Run] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def __aenter__(self) -> Self:
        await self.go_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def begin(
        self,
        actor: Actor,
        task: Given = "",
        *,
        id: str | None = None,
        origin: Mapping[str, Any] | None = None,
        limits: Limits = DEFAULT,
        by: Principal | None = None,
    ) -> str:
        """Begin to perform `actor` on `task`, for `by`; the id of the run, once its journal is open.

        Raises:
            Denied: if the policy does not let `by` run it. Nothing was begun.
            Busy: if there is a run of that id.
            Overloaded: if as many runs are under way as may be.
        """
        if id is not None and (id in self._runs or await self.store.read(id)):
            raise Busy(f"there is a run {id!r} already; give the new one another id, or none")
        job = self._job(actor, task_of(task), origin or {}, id or new_id())
        job.origin = origin or {}
        job.limits = limits
        job.by = by or job.by
        may_run(self._policy, job)
        if self._engine is None:
            await self._perform(job)
        else:
            await job.open()
            await self._engine.dispatch(job.id, tenant=self.tenant)
        return job.id

    async def go_on(self) -> list[str]:
        """Go on with every run that was interrupted; the ids of those that could be.

        A run whose actor cannot be found, or that somebody else performs, is left alone.
        """
        gone_on: list[str] = []
        for seen in await self.store.runs(Which(statuses=("running", "interrupted"))):
            if seen.id not in self._runs:
                with contextlib.suppress(CoterieError):
                    await self._go_on_with(seen.id)
                    gone_on.append(seen.id)
        return gone_on

    async def perform(self, id: str) -> None:
        """Go on with a run until it ends or only people can move it; nothing, where that is so already.

        Raises:
            UnknownRun: if the store has no such run.
            Busy: if somebody else performs it.
        """
        records = await self.journal(id)
        if closed(records) is None and not paused(records):
            run = self._live(id) or await self._again(id)
            try:
                await run.result()
            except asyncio.CancelledError:
                await run.leave()
                raise

    async def result(self, id: str) -> Result:
        """What a run has come to by now; its open questions are in `waiting`.

        Raises:
            UnknownRun: if the store has no such run.
        """
        records = await self.journal(id)
        waiting = {path: one.ask for path, one in questions(id, counted(records)).items()}
        return replace(result(id, records), waiting=waiting)

    async def wait(self, id: str) -> Result:
        """What a run comes to, once it has ended or only people can move it.

        Raises:
            UnknownRun: if the store has no such run.
        """
        run = self._live(id)
        if run is not None:
            return await run.result()
        async for _ in self.events(id):
            pass
        return await self.result(id)

    async def events(self, id: str, after: int = -1, *, on: bool = False) -> AsyncIterator[Record]:
        """The records of a run numbered above `after`, in order, each once, to its end.

        With `on`, a run that only people can move is watched on; without, that is the end.

        Raises:
            UnknownRun: if the store has no such run.
        """
        async for batch in self.batches(id, after, on=on):
            for record in batch:
                if isinstance(record, Record):
                    yield record

    async def stream(self, id: str, after: int = -1, *, on: bool = False) -> AsyncIterator[Record | Shown]:
        """As `events`, and between the records what the models of a run that is performed here are saying.

        Raises:
            UnknownRun: if the store has no such run.
        """
        async for batch in self.batches(id, after, on=on, live=True):
            for seen in batch:
                yield seen

    async def batches(
        self,
        id: str,
        after: int = -1,
        *,
        on: bool = False,
        live: bool = False,
        known: Sequence[Record] | None = None,
    ) -> AsyncIterator[list[Record | Shown]]:
        """As `events`, or with `live` as `stream`: all that has come meanwhile at once, never nothing.

        Who has just read the journal can say so with `known`.

        Raises:
            UnknownRun: if the store has no such run.
        """
        while True:
            run = self._live(id)
            if run is not None:
                async for batch in run.batches(after, live=live):
                    after = max([after, *(seen.seq for seen in batch if isinstance(seen, Record))])
                    yield batch
                await asyncio.sleep(0)  # whoever performed it takes it off the list
                known = run.records
            records = known or await self.journal(id)
            known = None
            if len(records) > after + 1:
                yield [*records[after + 1 :]]
                after = len(records) - 1
            if closed(records) is not None or (not on and state(records) in ("waiting", "paused")):
                return
            if self._live(id) is None:
                await asyncio.sleep(LOOK)

    async def cancel(self, id: str, reason: str = "cancelled") -> Result:
        """Stop a run, whoever performs it; what was finished stays, and it can be resumed.

        Raises:
            UnknownRun: if the store has no such run.
        """
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
        if self._live(id) is not None:
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
            actor or self._actor_of(began),
            id,
            records,
            self._world(began.origin),
            self.store,
            at=at,
            change=change,
        )
        job.id = new or job.id
        if new is not None and (new in self._runs or await self.store.read(new)):
            raise Busy(f"there is a run {new!r} already; give the fork another id, or none")
        job.origin = {**job.origin, **(origin or {})}
        job.policy, job.by = self._policy, by or job.by
        may_run(self._policy, job)
        await self._perform(job)
        return job.id

    async def runs(self, which: Which = ALL) -> list[Overview]:
        """The runs of the store, the newest first."""
        return await self.store.runs(which)

    async def close(self) -> None:
        """Stop performing, and end nothing: whoever opens the store next goes on."""
        runs = list(self._runs.values())
        self._runs.clear()
        for run in runs:
            await run.leave()

    def _world(self, origin: Mapping[str, Any]) -> World:
        return World(self._model(origin), doubts=self._in_doubt)

    def _job(self, actor: Actor, task: Task | None, origin: Mapping[str, Any], id: str) -> Job:
        job = Job(actor, task, self._world(origin), self.store, id)
        job.policy = self._policy
        return job

    async def _go_on_with(self, id: str) -> None:
        """Have a run gone on with: here, or by whichever worker the engine finds."""
        if self._engine is None:
            await self._again(id)
        else:
            await self._engine.dispatch(id, tenant=self.tenant)

    async def _again(self, id: str, raised: Mapping[str, Any] | None = None) -> Run:
        """Go on with a run here."""
        began = opened(await self.journal(id))
        job = self._job(self._actor_of(began), None, began.origin, id)
        job.raised = raised or {}
        job.again = True
        return await self._perform(job)

    async def _perform(self, job: Job) -> Run:
        """Begin to perform a job; back when its journal is open and it holds the lease."""
        if len(self._runs) >= self._at_once:
            raise Overloaded(f"{self._at_once} runs are under way, as many as may be; try again later")
        job.observers = self._observers
        run = self._runs[job.id] = Run(job, attended=False)
        if self._overhear:
            run.overheard()
        try:
            await run.begun()
        except BaseException:
            self._runs.pop(job.id, None)
            raise
        run.when_done(self._ended)
        return run

    def _ended(self, run: Run) -> None:
        if self._runs.get(run.id) is run:
            del self._runs[run.id]

    def _live(self, id: str) -> Run | None:
        """The run that is performed here now."""
        run = self._runs.get(id)
        return None if run is None or run.done else run

    async def journal(self, id: str) -> list[Record]:
        """The journal of a run by now.

        Raises:
            UnknownRun: if the store has no such run.
        """
        run = self._live(id)
        return list(run.records) if run is not None and run.records else await shell.journal(self.store, id)
