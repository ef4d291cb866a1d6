"""The Temporal engine: for those who run one already, a run is a workflow and each of its bursts an activity.

Theory of operation
===================

1. A run has one workflow at most, named after its line (the queue, what it needs and its priority), its tenant and
   itself; to dispatch is to wake it, or to start it. It has no other state than whether it was woken since its last
   burst. The journal is the truth.
2. A burst, everything that a run does between two waits, is one activity that says that it lives. A worker that dies
   does not, and Temporal gives the burst to another.
3. A worker asks Temporal for a burst only when somebody asks it for work; one that nobody took within `given`
   seconds it gives back.
4. What a run needs names the queue on which its workflow and its bursts wait, so nobody has a part of it who is not
   able. Nobody keeps a workflow between two of its moves: what is kept would have to be missed first.
5. A burst that `DEATHS` workers died of ends the workflow as failed, which is where Temporal shows it, and is counted.
6. What waits is what Temporal counts on its queues. A worker answers whoever asks by a query of a workflow of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from urllib.parse import urlsplit

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import Priority, RetryPolicy, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError
from temporalio.worker import Worker

from coterie.engines.desk import BURST, Desk, Given, TemporalWork, tuned
from coterie.engines.hands import asked, telling
from coterie.engines.lines import RUN, lines_of, queue_of, urgency_of
from coterie.engines.needs import fitting, named
from coterie.errors import BadInput, EngineUnavailable
from coterie.stores.holder import holder
from coterie.words.cluster import Hand, Queue

GIVEN = 2.0
"""Seconds for which a worker has a burst unless it says that it still works on it."""
DEATHS = 20
"""Workers that may die while they have a burst, one after the other, before it is given to nobody any more."""
FOR_EVER = timedelta(days=3650)
"""A burst may last as long as it likes: what bounds a run are its own limits."""
AGAIN = timedelta(seconds=0.1)
"""After how long the burst of a worker that died is given to another."""
LOOK = 0.2
"""Seconds after which a server that cannot be reached is looked for again."""
PATIENCE = timedelta(seconds=5)


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
        while True:
            woken = self._woken
            later = await self._burst(given)
            if later is not None:
                await self._rest(woken, later)
            elif woken == self._woken:
                return
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(given)

    async def _burst(self, given: Given) -> float | None:
        """Seconds after which it is to be done once more; None if there is nothing more to do now."""
        later: float | None = await workflow.execute_activity(
            BURST,
            given,
            start_to_close_timeout=FOR_EVER,
            heartbeat_timeout=timedelta(seconds=given.given),
            retry_policy=RetryPolicy(
                initial_interval=AGAIN, backoff_coefficient=1.0, maximum_attempts=DEATHS
            ),
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
        place, urgency = queue_of(self._queue, named(needs)), urgency_of(priority)
        with self._told(f"told of run {run!r}"):
            client = await self._opened()
            await client.start_workflow(
                RUN,
                Given(run, tenant, self._given),
                id=f"{place}/{urgency}/{tenant}/{run}",
                task_queue=place,
                task_timeout=timedelta(seconds=max(1.0, self._given / 2)),
                start_signal="wake",
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                priority=Priority(priority_key=urgency),
                rpc_timeout=PATIENCE,
            )

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

    async def queues(self) -> list[Queue]:
        """What waits for a worker, as Temporal counts it: its figures may be five seconds old.

        Raises:
            EngineUnavailable: if Temporal cannot be reached.
        """
        with self._told("asked what waits"):
            return await lines_of(await self._opened(), self._queue)

    async def workers(self, seconds: float = 0.5) -> list[Hand]:
        """Who works on the queue: all that say so within some seconds.

        Raises:
            EngineUnavailable: if Temporal cannot be reached.
        """
        with self._told("asked who works"):
            return await asked(await self._opened(), self._queue, seconds)

    async def answer(self, tell: Callable[[], Hand]) -> None:
        """Have whoever asks be told of the worker in this process, as soon as Temporal can be reached."""
        while True:
            told = telling(await self._reached(), self._queue, tell)
            with suppress(RPCError):
                return await self._serving.enter_async_context(told)

    async def close(self) -> None:
        """Leave Temporal; what was given and is not done is given to others."""
        await self._serving.aclose()
        self._client = None

    async def _open(self, desk: Desk, has: Sequence[str]) -> None:
        """Have all that a worker can do brought to `desk`, until the engine is closed."""
        client = await self._reached()
        for needs in fitting(has):
            place = queue_of(self._queue, needs)
            worker = Worker(
                client,
                task_queue=place,
                workflows=(RunWorkflow,),
                activities=[desk.burst],
                tuner=tuned(desk.serve(place)),
                max_cached_workflows=0,
                max_concurrent_workflow_task_polls=1,
                max_concurrent_activity_task_polls=1,
                max_heartbeat_throttle_interval=timedelta(seconds=self._given / 3),
                disable_eager_activity_execution=True,
            )
            await self._serving.enter_async_context(worker)

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None]:
        """Say which Temporal cannot be reached.

        Raises:
            EngineUnavailable: for whatever its client raises.
        """
        try:
            yield
        except (RPCError, RuntimeError) as error:
            raise EngineUnavailable(f"Temporal at {self.url} cannot be {what}: {error}") from error

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
        return await Client.connect(identity=holder(), **options)
