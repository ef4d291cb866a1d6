"""The Temporal engine: for those who run one already, a run is a workflow and each of its bursts an activity.

Theory of operation
===================

1. A run has one workflow at most, named after its queue, tenant and run; to dispatch is to wake it, or to start it.
   It has no other state than whether it was woken since its last burst. The journal is the truth.
2. A burst, everything that a run does between two waits, is one activity that says that it lives. A worker that dies
   does not, and the workflow has another worker do it.
3. A worker asks Temporal for a burst only when somebody asks it for work; one that nobody took within `given`
   seconds it gives back.
4. What a run needs names the queue that its bursts wait on. The workflows themselves go to whoever works on the queue.
5. A burst that `DEATHS` workers died of ends the workflow as failed, which is where Temporal shows it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from urllib.parse import urlsplit

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import Priority, RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import ActivityError
from temporalio.service import RPCError
from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    Worker,
    WorkerTuner,
)

from coterie.errors import BadInput, EngineUnavailable

GIVEN = 2.0
"""Seconds for which a worker has a burst unless it says that it still works on it."""
DEATHS = 20
"""Workers that may die while they have a burst, one after the other, before it is given to nobody any more."""
FOR_EVER = timedelta(days=3650)
"""A burst may last as long as it likes: what bounds a run are its own limits."""
SOON = 0.01
"""Seconds after which what was given back at once is given to somebody."""
LOOK = 0.2
"""Seconds after which a server that cannot be reached is looked for again."""
PATIENCE = timedelta(seconds=5)
BURST = "coterie-burst"
RUN = "coterie-run"


@dataclass(frozen=True)
class Given:
    """What the workflow of a run is told: whose it is, where its bursts wait, how urgent, and who died of it."""

    run: str
    tenant: str
    where: str
    urgency: int
    given: float
    deaths: int = 0


@workflow.defn(name=RUN, sandboxed=False)
class RunWorkflow:
    """Has a burst done each time that the run is woken; it ends when nothing woke it during one."""

    def __init__(self) -> None:
        self._woken = 0

    @workflow.signal
    def wake(self) -> None:
        """There is something to do for the run."""
        self._woken += 1

    @workflow.run
    async def bursts(self, given: Given) -> None:
        """Have bursts done until there is nothing more to do."""
        deaths = given.deaths
        while True:
            woken = self._woken
            try:
                later = await self._burst(given)
                deaths = 0
            except ActivityError:
                deaths, later = deaths + 1, 0.1
                if deaths > DEATHS:
                    raise
            if later is not None:
                await self._rest(woken, later)
            elif woken == self._woken:
                return
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(
                    Given(given.run, given.tenant, given.where, given.urgency, given.given, deaths)
                )

    async def _burst(self, given: Given) -> float | None:
        """Seconds after which it is to be done once more; None if there is nothing more to do now."""
        later: float | None = await workflow.execute_activity(
            BURST,
            given,
            task_queue=given.where,
            start_to_close_timeout=FOR_EVER,
            heartbeat_timeout=timedelta(seconds=given.given),
            retry_policy=RetryPolicy(maximum_attempts=1),
            priority=Priority(priority_key=given.urgency),
        )
        return later

    async def _rest(self, woken: int, seconds: float) -> None:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._woken != woken, timeout=seconds)


class TemporalEngine:
    """Dispatch over Temporal at `temporal://HOST:PORT/NAMESPACE`, or `temporals://` with TLS.

    TLS certificates and an API key are taken from Temporal's own settings: the variables `TEMPORAL_TLS_...` and
    `TEMPORAL_API_KEY`, or its file of profiles.
    """

    def __init__(self, url: str, *, queue: str = "default", given: float = GIVEN) -> None:
        if not queue.replace("-", "").isalnum():
            raise BadInput(f"{queue!r} cannot name a queue: letters, digits and hyphens")
        self.url = url
        self._queue = queue
        self._given = given
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._serving = AsyncExitStack()

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Wake the workflow of a run, or start it; Temporal has it when this returns.

        Raises:
            EngineUnavailable: if Temporal cannot be reached.
        """
        urgency = 4 - min(3, max(0, priority))
        given = Given(run, tenant, self._where(needs), urgency, self._given)
        try:
            client = await self._opened()
            await client.start_workflow(
                RUN,
                given,
                id=f"coterie/{self._queue}/{tenant}/{run}",
                task_queue=self._where(()),
                start_signal="wake",
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                priority=Priority(priority_key=urgency),
                rpc_timeout=PATIENCE,
            )
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailable(
                f"Temporal at {self.url} cannot be told of run {run!r}: {error}"
            ) from error

    async def work(self, has: Sequence[str] = ()) -> AsyncIterator[TemporalWork]:
        """What is to be performed by a worker that has these capabilities, as it comes.

        While Temporal cannot be reached it waits; what was given before then is given again.
        """
        desk = Desk(self._given)
        await self._open(desk, has)
        try:
            while True:
                yield await desk.take()
        finally:
            desk.shut()

    async def close(self) -> None:
        """Leave Temporal; what was given and is not done is given to others."""
        await self._serving.aclose()
        self._client = None

    async def _open(self, desk: Desk, has: Sequence[str]) -> None:
        """Have all that a worker can do brought to `desk`, until the engine is closed."""
        client = await self._reached()
        for needs in _subsets(has):
            where = self._where(needs)
            worker = Worker(
                client,
                task_queue=where,
                workflows=() if needs else (RunWorkflow,),
                activities=[desk.burst],
                tuner=_tuned(desk.serve(where)),
                max_concurrent_activity_task_polls=1,
                disable_eager_activity_execution=True,
            )
            await self._serving.enter_async_context(worker)

    async def _reached(self) -> Client:
        """A connection of a desk's own: one that is shared may have one worker a queue."""
        while True:
            try:
                return await self._connected()
            except (RPCError, RuntimeError):
                await asyncio.sleep(LOOK)

    async def _opened(self) -> Client:
        async with self._opening:
            if self._client is None:
                self._client = await self._connected()
            return self._client

    async def _connected(self) -> Client:
        place = urlsplit(self.url)
        options = ClientConfig.load_client_connect_config()
        options["target_host"] = place.netloc
        options["namespace"] = place.path.strip("/") or options.get("namespace", "default")
        if place.scheme == "temporals":
            options.setdefault("tls", True)
        return await Client.connect(**options)

    def _where(self, needs: Sequence[str]) -> str:
        return "/".join(["coterie", self._queue, *sorted(needs)])


class Desk:
    """Where the workers of Temporal bring bursts, and somebody takes them one by one."""

    def __init__(self, given: float) -> None:
        self._given = given
        self._brought: asyncio.Queue[TemporalWork] = asyncio.Queue()
        self._asked: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._open = True

    async def take(self) -> TemporalWork:
        """The next burst; it is asked for only now."""
        while True:
            if self._brought.empty():
                self._ask()
            work = await self._brought.get()
            if work.took():
                return work

    def _ask(self) -> None:
        for event in self._asked.values():
            event.set()

    def serve(self, where: str) -> Demand:
        """What lets a worker of Temporal ask on the queue `where`."""
        self._asked[where].clear()
        return Demand(self, where)

    async def asked(self, where: str) -> None:
        """Back when a burst may be asked for on the queue `where`."""
        event = self._asked[where]
        await event.wait()
        event.clear()

    def shut(self) -> None:
        """Take nothing more: what is brought from now on is given back at once."""
        self._open = False

    @activity.defn(name=BURST)
    async def burst(self, given: Given) -> float | None:
        """Have somebody perform the run; back with the seconds after which it is to be done once more, if any."""
        work = TemporalWork(given.run, given.tenant)
        if not self._open:
            return SOON
        self._brought.put_nowait(work)
        # What nobody takes in time, others may.
        asyncio.get_running_loop().call_later(self._given / 2, work.untaken)
        return await work.outcome


class Demand(CustomSlotSupplier):
    """Lets a worker of Temporal ask for a burst when somebody waits for one."""

    def __init__(self, desk: Desk, where: str) -> None:
        self._desk = desk
        self._where = where

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        """Wait for somebody who takes one."""
        await self._desk.asked(self._where)
        return SlotPermit()

    def try_reserve_slot(self, ctx: SlotReserveContext) -> None:
        """Nothing comes unasked."""

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """What was asked for is counted when it is asked for."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        """Who is done asks for more."""


class TemporalWork:
    """One run that this worker was given."""

    def __init__(self, run: str, tenant: str) -> None:
        self.run = run
        self.tenant = tenant
        self.outcome: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._burst = copy_context()  # Temporal knows by it whose sign of life it is
        self._taken = False

    def took(self) -> bool:
        """Whether it can be performed now: it was not given back meanwhile."""
        self._taken = not self.outcome.done()
        return self._taken

    def untaken(self) -> None:
        """Give it back unless somebody took it."""
        if not self._taken:
            self._settle(SOON)

    async def beat(self) -> None:
        """Have it for a while longer."""
        if not self.outcome.done():
            self._burst.run(activity.heartbeat)

    async def done(self) -> None:
        """Let its workflow end, unless it was woken meanwhile."""
        self._settle(None)

    async def again(self, seconds: float = 0.0) -> None:
        """Have it given to somebody in `seconds`."""
        self._settle(max(seconds, SOON))

    def _settle(self, later: float | None) -> None:
        if not self.outcome.done():
            self.outcome.set_result(later)


def _subsets(has: Sequence[str]) -> Iterator[Sequence[str]]:
    """All that a worker with these capabilities can do: what needs none of them, some, or all."""
    able = sorted(set(has))
    for many in range(len(able) + 1):
        yield from combinations(able, many)


def _tuned(demand: Demand) -> WorkerTuner:
    many = FixedSizeSlotSupplier(100)
    return WorkerTuner.create_composite(
        workflow_supplier=many, activity_supplier=demand, local_activity_supplier=many, nexus_supplier=many
    )
