"""The host: performs the runs of one store, and takes what people and programs say to them, at any door.

An answer or a message has been taken when it is in the journal. A parked run is gone on with to take it; one that
another process performs is told through the store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from coterie.actor import Actor
from coterie.errors import Answered, Busy, CoterieError, Expired, NotAsked, Paused, RunError
from coterie.kernel.inquiries import Inquiry, inquiries, questions
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, paused
from coterie.kernel.values import storable
from coterie.memory.conversation import Session
from coterie.shell import run as shell
from coterie.shell.inflight import fits
from coterie.shell.job import Job
from coterie.shell.questions import fitting
from coterie.shell.session import Turns
from coterie.shell.stage import Stage
from coterie.words.effect import Answer
from coterie.words.event import Record, Signalled
from coterie.words.principal import Principal
from coterie.words.task import Task
from coterie.words.which import UNFINISHED

HEARD = 2.0
"""Seconds that another process has to take what it is told, before it is looked whether it lives."""


class Host(Stage):
    """A stage where people are asked: the questions of its runs, and whatever they are told from outside."""

    async def questions(self) -> list[Inquiry]:
        """Every question that is open in a run of this store, the oldest first."""
        found: list[Inquiry] = []
        for seen in await self.store.runs(UNFINISHED):
            found += questions(seen.id, counted(await self.journal(seen.id))).values()
        return sorted(found, key=lambda one: one.since)

    async def inquiry(self, id: str) -> Inquiry:
        """The question of that id, open or not.

        Raises:
            NotAsked: if nobody ever asked it.
        """
        return _asked(id, await self._known(id))

    async def _known(self, id: str) -> list[Record]:
        """The journal of the run that asks, by now; empty for an unknown one."""
        run = id.rpartition(".")[0]
        live = self._live(run)
        return await self.store.read(run) if live is None else list(live.records)

    async def answer(self, id: str, value: Any, by: str = "") -> Inquiry:
        """Answer the question of that id, as `by`; the answer is in the journal of its run when this returns.

        An answer that is none is recorded as well, if the run is not over.

        Raises:
            NotAsked: if nobody ever asked that.
            Answered: if it was answered already.
            Expired: if nobody waits for the answer any more.
            Paused: if the run is paused.
            RunError: if it is no answer to that question.
            Unfit: if the code there is does not go on with the run. The answer was not taken.
        """
        async with self._turns.setdefault(id.rpartition(".")[0], asyncio.Lock()):
            records = await self._known(id)
            if await self._migrated(id.rpartition(".")[0], records):
                records = await self._known(id)
            asked = _asked(id, records)
            _is_on(asked.run, records)
            try:
                answer = _taken_on(asked, value, by)
            except RunError as error:
                await self._refuse(asked, by, error)
                raise
            said = Signalled("answer", asked.path, {"value": answer.value, "by": answer.by})
            await self._give(asked.run, said, len(records) - 1)
            return await self.inquiry(id)

    async def _migrated(self, id: str, records: Sequence[Record]) -> bool:
        """Whether a run that nobody performs had to be migrated first; what it asks may be another question now.

        Raises:
            Unfit: if the code there is does not go on with it.
        """
        idle = self._engine is None and self._live(id) is None and records and not paused(records)
        if not idle or closed(records) is not None:
            return False
        try:
            actor = self.found(opened(records))
        except CoterieError:  # another process may know it
            return False
        if fits(actor, id, records):
            return False
        with contextlib.suppress(Busy):
            await (await self._again(id)).result()
        return True

    async def _refuse(self, asked: Inquiry, by: str, error: RunError) -> None:
        """Record that an answer was none, where the journal can still be written."""
        refused = Signalled("refused", asked.path, {"why": error.message, "by": by})
        run = self._live(asked.run)
        if run is not None:
            run.hear(refused)
        elif closed(await self.journal(asked.run)) is None:
            with contextlib.suppress(Busy):
                await shell.record(asked.run, refused, store=self.store)

    async def _give(self, id: str, said: Signalled, after: int) -> None:
        """Have something taken by whoever performs the run now or next; back when its journal says so.

        A run that is being parked looks no more: then it goes through the store, where nothing gets lost, and
        somebody is made to look there.
        """
        run = self._live(id)
        if run is not None:
            run.hear(said)
            if await self._recorded(id, said, after):
                return
        await self.store.signal(id, said)
        while True:
            if self._live(id) is None and not await self._elsewhere(id):
                await self._go_on_with(id)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARD):
                    if await self._recorded(id, said, after):
                        return

    async def _elsewhere(self, id: str) -> bool:
        """Whether another process performs the run; then this one need not know its actor.

        With an engine nobody has to look: whoever is given the run finds out.
        """
        if self._engine is not None:
            return False
        try:
            await self.store.release(await self.store.claim(id), 0.0)
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

    async def send(self, id: str, topic: str, message: Any) -> None:
        """Send a message from outside on a topic of a run; it is in the journal when this returns.

        Raises:
            UnknownRun: if the store has no such run.
            RunError: if the run is over.
            Unfit: if the code there is does not go on with the run. The message was not taken.
        """
        id = await self.newest(id)
        said = Signalled("message", topic, storable(message, topic))
        async with self._turns.setdefault(id, asyncio.Lock()):
            records = await self.journal(id)
            if closed(records) is not None:
                raise RunError(f"run {id!r} is over")
            _is_on(id, records)
            if await self._migrated(id, records):
                records = await self.journal(id)
            await self._give(id, said, len(records) - 1)

    async def take_turn(
        self,
        session: Session,
        turn: int,
        actor: Actor,
        task: Task,
        *,
        origin: Mapping[str, Any],
        by: Principal | None = None,
    ) -> str:
        """Begin turn number `turn` of a session, which goes on from the one before; the id of its run.

        Raises:
            Denied: if the policy does not let `by` run it. Nothing was begun.
            Busy: if somebody else has begun it.
            Overloaded: if as many runs are under way as may be.
        """

        def made(actor: Actor, id: str, task: Task | None) -> Job:
            job = self._job(actor, task, origin, id)
            job.origin = origin
            return job

        job = await Turns(session, self.store, actor, made).following(turn - 1, task)
        return await self._opened(job, by)


def _asked(id: str, records: Sequence[Record]) -> Inquiry:
    """The question of that id, in the journal of the run that asks.

    Raises:
        NotAsked: if nobody ever asked it.
    """
    found = [one for one in inquiries(id.rpartition(".")[0], counted(records)) if one.id == id]
    if not found:
        raise NotAsked(f"there is no question {id!r}; `coterie approvals` lists those that are open")
    return found[-1]


def _is_on(id: str, records: Sequence[Record]) -> None:
    """Check that somebody may go on with a run.

    Raises:
        Paused: if it is paused.
    """
    if paused(counted(records)):
        raise Paused(f"run {id!r} is paused: resume it first")


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
