"""Sessions: the next message of a conversation, whatever has become of the last.

A message that is sent again after its run was killed is the same message: its run goes on. Any other
comes after the last turn has ended, by the policy of the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.context import Summary
from coterie.errors import Busy
from coterie.kernel.pairs import healed
from coterie.kernel.story import closed, opened
from coterie.memory.conversation import Carried, Session, carried, joined, over
from coterie.ports import Store
from coterie.shell.job import Job
from coterie.shell.run import cancel
from coterie.window import SUMMARIZE
from coterie.words.event import Opened
from coterie.words.result import Result
from coterie.words.task import Task
from coterie.words.thread import Thread

Make: TypeAlias = "Callable[[Actor, str, Task | None], Job]"
"""Makes the job of an actor, a run id and a task; without a task the run is there already."""
SOON, LATER = 0.02, 0.5
"""Seconds between two looks at a session that is busy, at first and in the end."""
STUCK = ("waiting", "needs_migration")
"""How a turn may stand that cannot end without somebody."""


class Turns:
    """The turns of one session in one store, as `actor` takes them."""

    def __init__(self, session: Session | str, store: Store, actor: Actor, make: Make) -> None:
        self.session = Session(id=session) if isinstance(session, str) else session
        self.store = store
        self.actor = actor
        self._make = make
        self._cancelled: set[str] = set()

    async def say(self, task: Task) -> Result:
        """What `task` comes to as the next message of the session.

        Raises:
            Busy: if the session is at work on another message, and is to refuse then; or if the last
                turn waits for somebody.
        """
        pause = SOON
        while True:
            turn = await self.session.turns(self.store)
            try:
                result = await self._again(turn, task) or await (await self.following(turn, task)).perform()
            except Busy as busy:
                if self.session.busy == "reject" or isinstance(busy, _Stands):
                    raise
                result = None
            if result is not None:
                return result
            await asyncio.sleep(pause)
            pause = min(LATER, 2 * pause)

    async def job(self, task: Task) -> Job:
        """The job of `task` as the next message: a new turn, or the last one that was killed at this very message.

        Raises:
            Busy: if the last turn has not ended, and was about something else.
        """
        turn = await self.session.turns(self.store)
        id = self.session.run(turn)
        records = await self.store.read(id)
        if not records or closed(records) is not None:
            return await self.following(turn, task)
        if _same(opened(records), task):
            return self._make(self.actor, id, None)
        raise Busy(
            f"session {self.session.id!r}: its last turn, run {id!r}, has not ended; resume or cancel it"
        )

    async def _again(self, turn: int, task: Task) -> Result | None:
        """The result of the last turn, if it was killed at this very message; else None, once it has ended.

        Raises:
            Busy: if it has not.
        """
        id = self.session.run(turn)
        records = await self.store.read(id)
        if not records or closed(records) is not None:
            return None
        same, policy = _same(opened(records), task), self.session.busy
        if same or policy == "queue":
            try:
                result = await self._make(self.actor, id, None).perform()
            except Busy:  # somebody is at work on it
                pass
            else:
                if not same and result.status in STUCK:
                    raise _Stands(self.session, id, result.status)
                return result if same else None
        if policy == "interrupt" and id not in self._cancelled:
            self._cancelled.add(id)
            await cancel(id, store=self.store, reason="the next message of the session came")
        if closed(await self.store.read(id)) is None:
            raise Busy(f"session {self.session.id!r} is at work on another message, in run {id!r}")
        return None

    async def following(self, turn: int, task: Task) -> Job:
        """The job of the turn after `turn`; it is `Busy` if somebody else has begun it by then."""
        conversation = await self._carried(turn)
        thread = conversation.thread
        if task.context is not None:
            thread = (thread or Thread()).add(*task.context)
        job = self._make(
            self.actor, self.session.run(turn + 1), Task(task.text, thread, task.data, task.taint)
        )
        about = {"id": self.session.id, "turn": turn + 1, "left_out": conversation.left_out}
        job.origin = {**job.origin, "session": about}
        job.fresh = True
        return job

    async def _carried(self, turn: int) -> Carried:
        """The conversation so far, within its budget. A summary is a run of its own, so it is made once."""
        if not turn:
            return Carried()
        conversation = carried(await self.store.read(self.session.run(turn)))
        cut = over(self.session, conversation, self.actor.name)
        if cut is None:
            return conversation
        summary = ""
        if isinstance(self.session.context, Summary):
            task = Task(SUMMARIZE, healed(Thread(cut.gone)))
            name = f"{self.session.run(turn)}.summary"
            by = self.session.context.by or _clerk(self.actor)
            summary = (await self._make(by, name, task).perform()).text
        return joined(self.session, turn + 1, cut, summary)


class _Stands(Busy):
    """The last turn cannot end without somebody; waiting would not help."""

    def __init__(self, session: Session, id: str, status: str) -> None:
        super().__init__(
            f"session {session.id!r}: its last turn, run {id!r}, is {status}: resume it, or send the message "
            "with busy='interrupt'"
        )


def _clerk(actor: Actor) -> Actor:
    """Who summarises where nobody is named: the agent's own model, or else the run's."""
    own = (actor.model or actor.model_name) if isinstance(actor, Agent) else None
    return Agent("summary", model=own)


def _same(began: Opened, task: Task) -> bool:
    return began.task == task.text and began.data == task.data
