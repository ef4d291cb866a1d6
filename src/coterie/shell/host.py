"""The host: performs the runs of one store for whoever asks, at any door.

Theory of operation
===================

1. A run under way is one `Run` in this process. A run that waits, or has ended, is rows in the store and
   takes no memory.
2. Who watches a run gets its journal and then what is appended to it, by number, each record once. What
   another process performs is read from the store, again and again.
3. An answer or a cancel has been taken when it is in the journal. A parked run is gone on with to take it; one
   that another process performs is told through the store.
4. A host that opens goes on with what was interrupted. One that closes stops performing and ends nothing: it
   gives the leases back, and the next host goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from coterie.actor import Actor, Given
from coterie.errors import Answered, Busy, CoterieError, Expired, NotAsked, Overloaded, RunError
from coterie.kernel.inquiries import Inquiry, inquiries, questions
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, result, state
from coterie.kernel.values import storable
from coterie.ports import Model, Store
from coterie.shell import run as shell
from coterie.shell.handle import Run
from coterie.shell.job import Job, new_id
from coterie.shell.runner import fitting
from coterie.shell.world import World
from coterie.words.delta import Shown
from coterie.words.effect import Answer
from coterie.words.event import Opened, Record, Signalled
from coterie.words.limits import DEFAULT, Limits
from coterie.words.result import Overview, Result
from coterie.words.task import task_of

AT_ONCE = 1_000
"""Runs under way in one host, unless it says otherwise."""
LOOK = 0.25
"""Seconds between two looks at a run that another process performs."""
HEARD = 2.0
"""Seconds that another process has to take an answer, before it is given again."""


class Host:
    """The runs of one store, performed in this process.

    `actor_of` finds the actor of a run that is in the store, `model` is what agents without one of their own
    ask. Used as a context manager, it goes on with what was interrupted, and stops performing on the way out.
    """

    def __init__(
        self,
        store: Store,
        *,
        actor_of: Callable[[Opened], Actor],
        model: Callable[[Mapping[str, Any]], Model | str | None] = lambda origin: origin.get("model"),
        at_once: int = AT_ONCE,
    ) -> None:
        self.store = store
        self._actor_of = actor_of
        self._model = model
        self._at_once = at_once
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
    ) -> str:
        """Begin to perform `actor` on `task`; the id of the run, once its journal is open.

        Raises:
            Busy: if there is a run of that id.
            Overloaded: if as many runs are under way as may be.
        """
        if id is not None and (id in self._runs or await self.store.read(id)):
            raise Busy(f"there is a run {id!r} already; give the new one another id, or none")
        job = Job(actor, task_of(task), self._world(origin or {}), self.store, id or new_id())
        job.origin = origin or {}
        job.limits = limits
        await self._perform(job)
        return job.id

    async def go_on(self) -> list[str]:
        """Go on with every run that was interrupted; the ids of those that could be.

        A run whose actor cannot be found, or that somebody else performs, is left alone.
        """
        gone_on: list[str] = []
        for seen in await self.store.runs():
            if seen.status in ("running", "interrupted") and seen.id not in self._runs:
                with contextlib.suppress(CoterieError):
                    await self._again(seen.id)
                    gone_on.append(seen.id)
        return gone_on

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
        while True:
            run = self._live(id)
            if run is not None:
                async for record in run.events(after):
                    after = record.seq
                    yield record
                await asyncio.sleep(0)  # whoever performed it takes it off the list
            records = await self.journal(id)
            for record in records[after + 1 :]:
                after = record.seq
                yield record
            if closed(records) is not None or (not on and state(records) == "waiting"):
                return
            if self._live(id) is None:
                await asyncio.sleep(LOOK)

    async def stream(self, id: str, after: int = -1) -> AsyncIterator[Record | Shown]:
        """As `events`, and between the records what the models of a run that is performed here are saying.

        Raises:
            UnknownRun: if the store has no such run.
        """
        run = self._live(id)
        if run is not None:
            async for seen in run.stream(after):
                after = seen.seq if isinstance(seen, Record) else after
                yield seen
        async for record in self.events(id, after):
            yield record

    async def questions(self) -> list[Inquiry]:
        """Every question that is open in a run of this store, the oldest first."""
        found: list[Inquiry] = []
        for seen in await self.store.runs():
            if seen.status in ("running", "waiting", "interrupted"):
                found += questions(seen.id, counted(await self.journal(seen.id))).values()
        return sorted(found, key=lambda one: one.since)

    async def inquiry(self, id: str) -> Inquiry:
        """The question of that id, open or not.

        Raises:
            NotAsked: if nobody ever asked it.
        """
        run = id.rpartition(".")[0]
        live = self._live(run)
        records = await self.store.read(run) if live is None else live.records
        found = [one for one in inquiries(run, counted(records)) if one.id == id]
        if not found:
            raise NotAsked(f"there is no question {id!r}; `coterie approvals` lists those that are open")
        return found[-1]

    async def answer(self, id: str, value: Any, by: str = "") -> Inquiry:
        """Answer the question of that id, as `by`; the answer is in the journal of its run when this returns.

        An answer that is none is recorded as well, if the run is not over.

        Raises:
            NotAsked: if nobody ever asked that.
            Answered: if it was answered already.
            Expired: if nobody waits for the answer any more.
            RunError: if it is no answer to that question.
        """
        async with self._turns.setdefault(id.rpartition(".")[0], asyncio.Lock()):
            asked = await self.inquiry(id)
            try:
                answer = _taken_on(asked, value, by)
            except RunError as error:
                await self._refuse(asked, by, error)
                raise
            after = len(await self.journal(asked.run)) - 1
            said = Signalled("answer", asked.path, {"value": answer.value, "by": answer.by})
            while not await self._give(asked.run, said, after):
                pass
            return await self.inquiry(id)

    async def _refuse(self, asked: Inquiry, by: str, error: RunError) -> None:
        """Record that an answer was none, where the journal can still be written."""
        refused = Signalled("refused", asked.path, {"why": error.message, "by": by})
        run = self._live(asked.run)
        if run is not None:
            run.hear(refused)
        elif closed(await self.journal(asked.run)) is None:
            with contextlib.suppress(Busy):
                await shell.record(asked.run, refused, store=self.store)

    async def _give(self, id: str, said: Signalled, after: int) -> bool:
        """Give something to whoever performs the run now; whether the journal says so then.

        It does not where the run was parked, or its process died, before it could look.
        """
        run = self._live(id)
        if run is not None:
            run.hear(said)
        elif await self._elsewhere(id):
            await self.store.signal(id, said)
        else:
            await self._again(id, said)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARD):
                return await self._recorded(id, said, after)
        return False

    async def _elsewhere(self, id: str) -> bool:
        """Whether another process performs the run; then this one need not know its actor."""
        try:
            await self.store.release(await self.store.claim(id))
        except Busy:
            return True
        return False

    async def _recorded(self, id: str, said: Signalled, after: int) -> bool:
        kinds = (said.kind, "refused")
        async for record in self.events(id, after, on=self._live(id) is None):
            event = record.event
            if isinstance(event, Signalled) and event.kind in kinds and event.about == said.about:
                return True
        return False

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
        await self._perform(job)
        return job.id

    async def send(self, id: str, topic: str, message: Any) -> None:
        """Send a message from outside on a topic of a run; it is in the journal when this returns.

        Raises:
            UnknownRun: if the store has no such run.
            RunError: if the run is over.
        """
        said = Signalled("message", topic, storable(message, topic))
        async with self._turns.setdefault(id, asyncio.Lock()):
            records = await self.journal(id)
            if closed(records) is not None:
                raise RunError(f"run {id!r} is over")
            while not await self._give(id, said, len(records) - 1):
                pass

    async def runs(self) -> list[Overview]:
        """Every run of the store, the newest first."""
        return await self.store.runs()

    async def close(self) -> None:
        """Stop performing, and end nothing: whoever opens the store next goes on."""
        runs = list(self._runs.values())
        self._runs.clear()
        for run in runs:
            await run.leave()

    def _world(self, origin: Mapping[str, Any]) -> World:
        return World(self._model(origin))

    async def _again(
        self, id: str, said: Signalled | None = None, raised: Mapping[str, Any] | None = None
    ) -> Run:
        """Go on with a run, with what it is told."""
        began = opened(await self.journal(id))
        job = Job(self._actor_of(began), None, self._world(began.origin), self.store, id)
        job.raised = raised or {}
        job.again = True
        if said is not None:
            job.hear(said)
        return await self._perform(job)

    async def _perform(self, job: Job) -> Run:
        """Begin to perform a job; back when its journal is open and it holds the lease."""
        if len(self._runs) >= self._at_once:
            raise Overloaded(f"{self._at_once} runs are under way, as many as may be; try again later")
        run = self._runs[job.id] = Run(job, attended=False)
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


def _taken_on(asked: Inquiry, value: Any, by: str) -> Answer:
    """`value` as the answer to an inquiry.

    Raises:
        Answered: if it has one.
        Expired: if nobody waits for one.
        RunError: if it is no answer to that question.
    """
    if asked.state == "answered":
        whose = f" by {asked.answer.by!r}" if asked.answer is not None and asked.answer.by else ""
        raise Answered(f"{asked.id!r} was answered already{whose}", path=asked.path)
    if asked.state == "over":
        raise Expired(f"nobody waits for an answer to {asked.id!r} any more", path=asked.path)
    return Answer(fitting(asked.ask, storable(value, asked.path), asked.path), by)
