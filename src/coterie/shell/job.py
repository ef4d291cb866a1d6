"""A job: what it takes to perform one run, from its claim to its result."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from coterie.actor import Actor
from coterie.errors import BadInput, Busy, Denied, Diverged, NotOpen, Unfit, UnknownRun, failure_of
from coterie.kernel.budget import Account
from coterie.kernel.governed import machine_of
from coterie.kernel.machine import Machine
from coterie.kernel.redactions import redactions, whole
from coterie.kernel.replay import Resumed, counted, reopening, replay, signal
from coterie.kernel.story import begun, closed, opened, paused, result_of, task_of_run, usage, wakes
from coterie.kernel.taint import TAINT
from coterie.kernel.values import storable, to_plain
from coterie.ports import Counting, Lease, Observer, Policy, Store
from coterie.reach.lineage import performing
from coterie.shell.gate import Gate
from coterie.shell.inflight import fit
from coterie.shell.purse import Purse
from coterie.shell.reuse import Memo
from coterie.shell.runner import Runner
from coterie.shell.world import World, nothing
from coterie.team import manifest
from coterie.words.event import Asked, Closed, Event, Noted, Opened, Record, Signalled
from coterie.words.limits import DEFAULT
from coterie.words.permit import GOVERNED, Permit
from coterie.words.principal import LOCAL, Principal
from coterie.words.quota import Quota
from coterie.words.result import Result
from coterie.words.task import Task

AGAIN = ("cancelled", "failed", "stuck")
"""How a run may have ended that can go on."""
PARENT = "parent"
"""The entry of a run's origin that says which run began it, and at which step."""


_dice = random.Random()  # noqa: S311 - ids are names, not secrets
os.register_at_fork(after_in_child=_dice.seed)


def new_id() -> str:
    """A run id: when, in milliseconds, and 40 random bits; ids sort by age."""
    return f"{time.time_ns() // 1_000_000 << 40 | _dice.getrandbits(40):021x}"


def plain(task: Task, name: str) -> Task:
    """The task of the actor `name` as a resume would read it from the journal.

    Raises:
        Unstorable: if its data has no JSON shape.
    """
    return task if task.data is None else Task(task.text, task.context, storable(task.data, name), task.taint)


def may_run(policy: Policy | None, job: Job) -> None:
    """See that the policy of a door lets a run begin; what it leaves to a person is asked when it has begun.

    Raises:
        Denied: if it does not.
    """
    if policy is not None:
        asked = Asked(job.actor.name, Permit("run", job.actor.name))
        said = Gate(policy, job.by, job.id).verdict(asked, Account(job.limits, job.actor.name, None))
        if said.decision == "deny":
            raise Denied(said.why)


class Job:
    """One run to be performed: the actor, the task, and what it is performed with.

    Without a task it is a run that is in the store already, and its journal says the task.
    """

    def __init__(self, actor: Actor, task: Task | None, world: World, store: Store, id: str) -> None:
        self.actor = actor
        self.task = task
        self.world = world
        self.store = store
        self.id = id
        self.answers: Mapping[str, Any] = {}
        self.again = False
        self.fresh = False
        self.attended = False
        self.memo: Memo | None = None
        self.origin: Mapping[str, Any] = {}
        self.limits = DEFAULT
        self.raised: Mapping[str, Any] = {}
        self.policy: Policy | None = None
        self.observers: Sequence[Observer] = ()
        self.by = LOCAL
        self.parks: float | None = None
        """Seconds of waiting from which it leaves memory; None where nobody would bring it back."""
        self.quota: Quota | None = None
        self.tenant = LOCAL.tenant
        self._purse: Purse | None = None
        self.revives = ""
        """Why it may have been cancelled and goes on all the same."""
        self._heard: list[tuple[Signalled, int]] = []
        self._late: list[Signalled] = []
        self._runner: Runner | None = None
        self.attach: Callable[[Runner, list[Record]], None] | None = None

    async def perform(self) -> Result:
        """Begin the run or go on with it, to its end or until it has to be parked.

        Where it goes on as another, and nobody else performs that one, it is gone on with here.

        Raises:
            UnknownRun: if there is no task, here or in the store.
            Busy: if the run is `fresh`, and somebody else has begun it.
            OverLimit: if it is new, and its tenant has begun as many runs today as may be.
        """
        from coterie.shell.children import Nested  # it makes jobs, so it stands above this

        given = self.world.starter
        starter = self.world.starter = given or Nested(lambda: self)
        try:
            result = await self._performed()
        finally:
            # What knows the job or its runner goes, so that plays which were put away end now and not some time later.
            self.world.starter, self.world.rests = given, nothing
        if result.status == "renewed" and isinstance(starter, Nested):
            return await (starter.next or self.renewed(result.text, None)).perform()
        return result

    def renewed(self, id: str, task: Task | None) -> Job:
        """The job of what the run goes on as."""
        world = self.world.copy()
        world.starter = None
        job = Job(self.actor, task, world, self.store, id)
        job.policy, job.by, job.limits, job.observers = self.policy, self.by, self.limits, self.observers
        job.quota, job.tenant, job.parks = self.quota, self.tenant, self.parks
        kept = {name: value for name, value in self.origin.items() if name != "fork"}
        job.origin = {**kept, "renewed": self.id}
        return job

    async def _performed(self) -> Result:
        store = self.store
        lease = await store.claim(self.id, self._told)
        records: list[Record] = []
        try:
            records = await store.read(self.id)
            if not records or self.fresh:
                self._is_new(records)
                await self._counts(lease, records)
                runner, events, standing = self._begun(lease, self._given())
            elif (end := closed(records)) is not None and not self._goes_on(end):
                _can_be_given(self.id, records)
                await store.release(lease)
                return result_of(self.id, end)
            else:
                whole(self.id, records)
                await self._counts(lease, records)
                runner, events, standing = self._resumed(lease, records)
        except (Diverged, Unfit) as misfit:
            await self._let_go(lease)
            spent = usage(records)[""]
            return Result(id=self.id, status="needs_migration", failure=failure_of(misfit), usage=spent)
        except BaseException:
            await self._let_go(lease)
            raise
        if self.attach is not None:
            self.attach(runner, records)
        self._runner = runner
        runner.parks(self.parks, wakes(records))
        self.world.rests = runner.rests
        for said, number in self._heard:
            runner.hear(said, number)
        with performing(self.id, self.origin):
            result = await runner.finish(events, standing)
        await self._leave(result, runner.machine)
        return result

    def _goes_on(self, end: Closed) -> bool:
        """Whether a run that ended so is gone on with."""
        revived = end.failure is not None and end.failure.message == self.revives
        return (self.again or revived) and end.status in AGAIN

    async def _leave(self, result: Result, machine: Machine) -> None:
        """Have what came too late heard by whoever goes on, and let the parent know of an end."""
        store = self.store
        if result.status in ("waiting", "paused"):  # what came too late is in the store, for the next
            return
        if result.status == "renewed":
            came = [
                Signalled("message", topic, message) for topic, message in machine.shared.topics.unheard()
            ]
            for said in [*came, *self._late]:
                await store.signal(result.text, said)
        elif (parent := self.origin.get(PARENT)) is not None:
            await store.wake(parent["run"])

    async def open(self, at: float | None = None, heard: Sequence[tuple[str, Any]] = ()) -> None:
        """Open the journal of the run, for another to perform it: now, or when it is due `at` a time.

        What it has `heard` by then are messages by topic.

        Raises:
            Busy: if there is a run of that id.
            OverLimit: if its tenant has begun as many runs today as may be.
        """
        store, task = self.store, plain(self._given(), self.actor.name)
        assert store is not None  # a run that is performed elsewhere has a journal
        lease = await store.claim(self.id)
        try:
            if await store.read(self.id):
                raise Busy(f"there is a run {self.id!r} already; give the new one another id, or none")
            await self._counts(lease, [])
            events: list[Event] = [self._opening(task)]
            events += [Signalled("message", topic, message) for topic, message in heard]
            if at is not None:
                events.append(Noted(self.actor.name, "sleeps", value=at))
            now = self.world.clock()
            await store.append(lease, [Record(n, now, event) for n, event in enumerate(events)])
        finally:
            await self._let_go(lease, at)

    async def _counts(self, lease: Lease, records: list[Record]) -> None:
        """Have what the run uses count in the day of its tenant, if that has a quota.

        Raises:
            BadInput: if the store keeps no tally.
            OverLimit: if the run is new, and no more may be begun today.
        """
        if self.quota is None:
            return
        if not isinstance(self.store, Counting):
            raise BadInput(
                f"a quota needs a store that keeps a tally, and {type(self.store).__name__} keeps none"
            )
        purse = Purse(self.quota, self.tenant, self.store, lease, len(records), self.world.clock)
        await purse.open(records)
        self._purse = purse

    async def _let_go(self, lease: Lease, wake: float | None = None) -> None:
        """Give everything back that was taken for the run."""
        if self._purse is not None:
            await self._purse.close()
        await self.store.release(lease, wake)

    def _told(self, said: Signalled, number: int) -> None:
        """Take what came through the store; what comes while the run is being parked stays there."""
        if self._runner is not None and not self._runner.attending:
            self._late.append(said)
        else:
            self.hear(said, number)

    def hear(self, said: Signalled, number: int = 0) -> None:
        """Take what somebody outside says to this run, begun or not."""
        if self._runner is None:
            self._heard.append((said, number))
        else:
            self._runner.hear(said, number)

    def _is_new(self, records: list[Record]) -> None:
        if records:
            raise Busy(f"run {self.id!r} was begun by somebody else")

    def _given(self) -> Task:
        if self.task is None:
            raise UnknownRun(f"no run {self.id!r} in this store; `coterie runs` lists them")
        return self.task

    def _begun(self, lease: Lease, task: Task) -> tuple[Runner, list[Event], None]:
        task = plain(task, self.actor.name)
        self.origin = self._origin()
        self._bound()
        return self._made(lease, task, 0), [self._opening(task)], None

    def _bound(self) -> None:
        """Have the run do at a cap what the quota of its tenant says, if that says something."""
        if self.quota is not None and self.quota.at_cap is not None:
            self.limits = self.limits.raised({"at_cap": self.quota.at_cap})

    def _opening(self, task: Task) -> Opened:
        self._bound()
        return Opened(
            run=self.id,
            actor=self.actor.name,
            task=task.text,
            data=task.data,
            context=None if task.context is None else tuple(task.context),
            manifest=manifest(self.actor),
            limits=self.limits,
            origin=self._origin(),
        )

    def _origin(self) -> dict[str, Any]:
        """What is kept of where the run comes from; of a governed one, for whom it is."""
        if GOVERNED in self.origin:
            self._is_governed()
        origin = dict(self.origin)
        if self.task is not None and self.task.taint:
            origin[TAINT] = list(self.task.taint)
        return origin if self.policy is None else {**origin, GOVERNED: to_plain(self.by)}

    def _resumed(self, lease: Lease, records: list[Record]) -> tuple[Runner, list[Event], Resumed]:
        """A runner that stands where the journal ends.

        Raises:
            Unfit: if the actor is not what the run was opened with.
            Diverged: if its play no longer asks what the journal says.
            NotOpen: if there is an answer to a question that is not open.
        """
        began = opened(records)
        task = task_of_run(began)
        self.limits = began.limits
        self.origin = began.origin
        if (by := began.origin.get(GOVERNED)) is not None:
            self.by = msgspec.convert(by, Principal)
            self._is_governed()
        events: list[Event] = []
        kept = counted(records)
        if closed(kept) is not None:
            reopened = reopening(kept)
            events.append(reopened)
            kept = [record for record in kept if record.seq not in reopened.value]
        how = fit(self.actor, self.id, records, kept)
        runner = self._made(lease, task, len(records), begun(records))
        standing = replay(runner.machine, how.records, migrating=how.migrating)
        if how.migrating:
            events += [*how.moved, Signalled("migrated", value=manifest(self.actor))]
        if paused(kept):
            events.append(Signalled("unpaused"))
        if self.raised:
            raising = Signalled("raised", value=dict(self.raised))
            signal(runner.machine, raising)
            events.append(raising)
        asked = {ask.path for ask in standing.asked}
        if unasked := sorted(set(self.answers) - asked):
            raise NotOpen(
                f"run {self.id!r}: no question is open at {unasked[0]!r}; under way are {sorted(asked)}"
            )
        return runner, events, standing

    def _made(self, lease: Lease, task: Task, seq: int, opened: float | None = None) -> Runner:
        machine = machine_of(self.actor, task, self.origin, limits=self.limits)
        ungated = self.policy is None and self._purse is None
        gate = None if ungated else Gate(self.policy, self.by, self.id, self._purse)
        return Runner(
            machine,
            self.world,
            self.store,
            lease,
            seq,
            opened=opened,
            attended=self.attended,
            memo=self.memo,
            answers=self.answers,
            gate=gate,
        )

    def _is_governed(self) -> None:
        if self.policy is None:
            raise BadInput(
                f"run {self.id!r} is governed: go on with it under a policy, with policy= or --policy"
            )


def _can_be_given(id: str, records: Sequence[Record]) -> None:
    """See that what a run came to was not taken out of it: a tombstone is no answer.

    Raises:
        Redacted: if it was.
    """
    out = {event for one in redactions(records) for event in one.events}
    if any(record.seq in out for record in records if isinstance(record.event, Closed)):
        whole(id, records)
