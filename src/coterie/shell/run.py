"""Running an actor: from a task to a result, now or after a crash."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from coterie.actor import Actor, Given, Play
from coterie.errors import BadInput, Busy, Diverged, UnknownRun
from coterie.kernel.governed import machine_of
from coterie.kernel.redactions import whole
from coterie.kernel.replay import counted
from coterie.kernel.replay import replay as lived
from coterie.kernel.story import closed, opened, paused, result, task_of_run, usage, wakes
from coterie.ports import Lease, Memory, Model, Policy, Store
from coterie.shell.handle import Run
from coterie.shell.job import PARENT, Job, new_id
from coterie.shell.pausing import GRACE, pause_of
from coterie.shell.reuse import Memo
from coterie.shell.unkept import unkept
from coterie.shell.world import Asker, World
from coterie.stores.memory import MemoryStore
from coterie.team import actor_of
from coterie.words.doubt import NO_RULES, Doubt
from coterie.words.event import Closed, Record, Signalled
from coterie.words.failure import Failure
from coterie.words.limits import DEFAULT, Limits
from coterie.words.principal import LOCAL, Principal
from coterie.words.quota import Quota
from coterie.words.result import Result
from coterie.words.task import Task, task_of

if TYPE_CHECKING:
    from coterie.memory.conversation import Session


async def run(
    actor: Actor | Play,
    task: Given = "",
    /,
    *,
    model: Model | str | None = None,
    models: Mapping[str, Model] | None = None,
    store: Store | None = None,
    id: str | None = None,
    ask: Asker | None = None,
    memory: Memory | None = None,
    seed: int | None = None,
    origin: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT,
    session: Session | str | None = None,
    policy: Policy | None = None,
    by: Principal = LOCAL,
    in_doubt: Mapping[str, Doubt] = NO_RULES,
    quota: Quota | None = None,
) -> Result:
    """Give `task` to `actor` and wait for what it comes to.

    `model` answers for agents that have none of their own; `models` puts others in the place of
    names. With a `store` and the `id` of a run in it, that run goes on: what is in its journal
    is not done again. `ask` puts questions to a person; without it a run with only questions
    open comes back as `waiting`. `memory` is what it remembers with beyond the run. `seed` makes
    `Draw` repeatable. `origin` is kept with the run, to know later where it came from. `limits` are
    what it may use up.

    With a `session` the task is the next message of a conversation in `store`: the actor is given what was
    said before, and a message that was killed half-way goes on when it is sent again.

    With a `policy` the run is governed: it is asked whether `by` may do each thing before that is begun.
    `in_doubt` says what becomes of tools, by patterns of their names, that were under way at a crash.
    `quota` is what all runs of the tenant of `by` in that store may use up together in a day.

    A failure of the work is in the result (`status`, `failure`), with what was finished and
    spent; errors of the store or of the programmer are raised.

    Raises:
        BadInput: for a session without a store, or with an id for the run.
        Busy: if another process performs the run, or the session is busy (see `Session`).
        OverLimit: if the quota allows no more runs today. Nothing was begun.
    """
    world = World(model, models, ask, seed=seed, memory=memory, doubts=in_doubt)
    actor, task = actor_of(actor), task_of(task)
    if session is not None and (store is None or id is not None):
        raise BadInput("a session needs a store=, and names its runs itself: leave id= out")
    if store is None and policy is None and quota is None:
        return await unkept(actor, task, world, id or new_id(), limits)

    kept = store or MemoryStore()

    def made(actor: Actor, id: str, task: Task | None) -> Job:
        job = Job(actor, task, world, kept, id)
        job.policy, job.by = policy, by
        job.quota, job.tenant = quota, by.tenant
        job.limits = limits
        job.origin = origin or {}
        return job

    if session is None:
        return await made(actor, id or new_id(), task).perform()
    from coterie.shell.session import Turns  # it knows how to cancel a run, so it stands above this

    return await Turns(session, kept, actor, made).say(task)


def run_sync(actor: Actor | Play, task: Given = "", /, **options: Any) -> Result:
    """`run`, where no event loop runs.

    Raises:
        BadInput: inside a running event loop: write `await run(...)` there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run(actor, task, **options))
    raise BadInput("run_sync() was called inside a running event loop: write `await run(...)` there")


def start(
    actor: Actor | Play,
    task: Given = "",
    /,
    *,
    model: Model | str | None = None,
    models: Mapping[str, Model] | None = None,
    store: Store | None = None,
    id: str | None = None,
    ask: Asker | None = None,
    memory: Memory | None = None,
    seed: int | None = None,
    origin: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT,
    attended: bool = True,
    policy: Policy | None = None,
    by: Principal = LOCAL,
    in_doubt: Mapping[str, Doubt] = NO_RULES,
    quota: Quota | None = None,
) -> Run:
    """Begin to perform `actor` on `task`, and go on at once; takes the options of `run`.

    An `attended` run with only questions open waits for answers to them; any other is parked.
    """
    world = World(model, models, ask, seed=seed, memory=memory, doubts=in_doubt)
    job = Job(actor_of(actor), task_of(task), world, store or MemoryStore(), id or new_id())
    job.origin = origin or {}
    job.limits = limits
    job.policy, job.by = policy, by
    job.quota, job.tenant = quota, by.tenant
    return Run(job, attended=attended)


async def resume(
    actor: Actor | Play,
    id: str,
    /,
    *,
    store: Store,
    answers: Mapping[str, Any] | None = None,
    model: Model | str | None = None,
    models: Mapping[str, Model] | None = None,
    ask: Asker | None = None,
    memory: Memory | None = None,
    limits: Mapping[str, Any] | None = None,
    policy: Policy | None = None,
    in_doubt: Mapping[str, Doubt] = NO_RULES,
    quota: Quota | None = None,
) -> Result:
    """Go on with a run that was interrupted, waits for `answers`, was cancelled, or failed.

    A cancelled run goes on where it was stopped. A failed one goes on from just before the
    step whose failure ended it. A run that succeeded gives its result again. `limits` are put in
    the place of those that the run has: what they refused is done now. A governed run goes on for whom
    it was begun, and needs a `policy`. `in_doubt` says what becomes of tools, by patterns of their names, that were
    under way when it was interrupted, and `quota` what its tenant may use up in a day.

    Raises:
        ValueError: if one of `limits` is no limit.
        UnknownRun: if the store has no such run.
    """
    world = World(model, models, ask, memory=memory, doubts=in_doubt)
    job = Job(actor_of(actor), None, world, store, id)
    job.answers = answers or {}
    job.raised = limits or {}
    DEFAULT.raised(dict(job.raised))
    job.again = True
    job.policy, job.quota = policy, quota
    return await job.perform()


async def fork(
    actor: Actor | Play,
    id: str,
    /,
    *,
    store: Store,
    at: int | None = None,
    new: str | None = None,
    model: Model | str | None = None,
    models: Mapping[str, Model] | None = None,
    ask: Asker | None = None,
    memory: Memory | None = None,
    origin: Mapping[str, Any] | None = None,
    policy: Policy | None = None,
    by: Principal = LOCAL,
    **change: Any,
) -> Result:
    """Run `id` again under a new id, with one thing changed; only what depends on it is done again.

    Everything before event `at` stays as it happened. What event `at` is about is done again,
    or comes out as `value=` says. From there on, what is asked as before comes from the journal
    of `id` and costs nothing. `task=` changes the task; to change a prompt or a model, give an
    `actor` with the change. `origin` is put over the origin of the run that is forked.

    Raises:
        UnknownRun: if the store has no such run.
        BadInput: if `at` is no event of it, or the change is neither `task` nor `value`.
    """
    records = await journal(store, id)
    world = World(model, models, ask, memory=memory)
    job = forked(actor_of(actor), id, records, world, store, at=at, change=change)
    job.id = new or job.id
    job.origin = {**job.origin, **(origin or {})}
    job.policy, job.by = policy, by
    return await job.perform()


def forked(
    actor: Actor,
    id: str,
    records: Sequence[Record],
    world: World,
    store: Store,
    *,
    at: int | None,
    change: Mapping[str, Any],
) -> Job:
    """The job of a fork of run `id`, whose journal is `records`.

    Raises:
        BadInput: if `at` is no event of it, or the change is neither `task` nor `value`.
        Redacted: if something was taken out of it.
    """
    whole(id, records)
    unknown = set(change) - {"task", "value"}
    if unknown or (at is not None and not 0 < at < len(records)):
        raise BadInput(f"fork {id!r}: at is 1 to {len(records) - 1}, and the change is task= or value=")
    began = opened(records)
    task = task_of(change["task"]) if "task" in change else task_of_run(began)
    values = {"value": change["value"]} if "value" in change else {}
    job = Job(actor, task, world, store, new_id())
    job.memo = Memo(id, records, at, **values)
    job.limits = began.limits
    changed = {name: str(made) for name, made in change.items()}
    job.origin = {**began.origin, "fork": {"run": id, "at": at, "change": changed}}
    return job


async def replay(actor: Actor | Play, id: str, /, *, store: Store) -> Result:
    """Live through the journal of a run again, performing nothing; gives what it came to.

    Raises:
        UnknownRun: if the store has no such run.
        Diverged: if the play asks something else than it did, or comes to something else.
    """
    return relived(actor, id, await journal(store, id))


def relived(actor: Actor | Play, id: str, records: Sequence[Record]) -> Result:
    """As `replay`, of a journal that was read.

    Raises:
        Diverged: if the play asks something else than it did, or comes to something else.
    """
    whole(id, records)
    began = opened(records)
    machine = machine_of(actor_of(actor), task_of_run(began), began.origin)
    lived(machine, counted(records))
    then = result(id, records)
    said = machine.value.text if machine.value is not None else ""
    if machine.done != (closed(records) is not None) or said != then.text:
        raise Diverged(f"replayed, run {id!r} comes to {said[:80]!r}; its journal says {then.text[:80]!r}")
    return then


async def cancel(id: str, /, *, store: Store, reason: str = "cancelled") -> Result:
    """Stop a run, whoever works on it; what was finished stays, and it can be resumed.

    Raises:
        UnknownRun: if the store has no such run.
    """
    signal = Signalled("cancel", reason)
    records = await journal(store, id)
    if closed(records) is not None:
        return result(id, records)
    try:
        lease = await store.claim(id)
    except Busy:
        await store.signal(id, signal)
        return result(id, records)
    try:
        return await _cancelled(store, lease, signal)
    finally:
        await store.release(lease)
        await _stop_children(store, id, records)


async def _stop_children(store: Store, id: str, records: Sequence[Record]) -> None:
    """Cancel what a run waits for that nobody works on, and let the run know that waits for it."""
    from coterie.shell.children import stopped, waited_for  # it makes jobs, so it stands above this

    for child in waited_for(id, records):
        with contextlib.suppress(UnknownRun):  # it was not begun yet
            await cancel(child, store=store, reason=stopped(id))
    if (parent := opened(records).origin.get(PARENT)) is not None:
        await store.wake(parent["run"])


async def pause(id: str, *, store: Store, reason: str = "paused", grace: float = GRACE) -> Result:
    """Begin nothing new in a run, whoever works on it, and put it away when what is under way has settled.

    What has not after `grace` seconds is stopped. Nobody goes on with it until it is resumed.

    Raises:
        UnknownRun: if the store has no such run.
    """
    records = await journal(store, id)
    if closed(records) is not None or paused(records):
        return result(id, records)
    try:
        await record(id, pause_of(reason, grace), store=store)
    except Busy:
        await store.signal(id, pause_of(reason, grace))
    return result(id, await journal(store, id))


async def record(id: str, signal: Signalled, *, store: Store) -> None:
    """Write down something from outside that moves nothing, in a run that nobody works on.

    Raises:
        Busy: if somebody does.
        UnknownRun: if the store has no such run.
    """
    lease = await store.claim(id)
    due: float | None = None
    try:
        records = await journal(store, id)
        due = wakes(records) if signal.kind == "refused" else None
        await store.append(lease, [Record(len(records), time.time(), signal)])
    finally:
        await store.release(lease, due)


async def _cancelled(store: Store, lease: Lease, signal: Signalled) -> Result:
    """Write down that a run that nobody works on is cancelled."""
    records = await store.read(lease.run)
    failure = Failure(kind="Cancelled", message=signal.about)
    end = Closed(status="cancelled", failure=failure, usage=usage(records)[""])
    now, seq = time.time(), len(records)
    written = [Record(seq, now, signal), Record(seq + 1, now, end)]
    await store.append(lease, written)
    return result(lease.run, [*records, *written])


async def journal(store: Store, id: str) -> list[Record]:
    """The journal of a run.

    Raises:
        UnknownRun: if the store has no such run.
    """
    records = await store.read(id)
    if not records:
        raise unknown(id)
    return records


def unknown(id: str) -> UnknownRun:
    """The error of who asks for a run that is not there."""
    return UnknownRun(f"no run {id!r} in this store; `coterie runs` lists them")
