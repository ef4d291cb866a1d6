"""The desk of a worker on Temporal: bursts are asked for, brought and taken one by one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextvars import copy_context
from dataclasses import dataclass

from temporalio import activity
from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    WorkerTuner,
)

SOON = 0.01
"""Seconds after which what was given back at once is given to somebody."""
BURST = "coterie-burst"


@dataclass(frozen=True)
class Given:
    """What the workflow of a run is told: whose it is, and for how long a worker has it."""

    run: str
    tenant: str
    given: float


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


def tuned(demand: Demand) -> WorkerTuner:
    """What has a worker of Temporal ask for bursts as `demand` says, and for all else as it likes."""
    many = FixedSizeSlotSupplier(100)
    return WorkerTuner.create_composite(
        workflow_supplier=many, activity_supplier=demand, local_activity_supplier=many, nexus_supplier=many
    )
