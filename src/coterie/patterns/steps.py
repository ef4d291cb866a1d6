"""Steps: a plan being worked on, each step as soon as its own inputs are there.

Every step is a strand that watches the board for the steps it depends on, so there are no waves:
what is ready runs, whatever else is under way. The plan is on the board under `<team>.plan`, and so
is how each step ended that another one waits for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from coterie.actor import Actor, gather
from coterie.agent import conversation
from coterie.check import complaint
from coterie.errors import BadOutput, Skipped, failure_of
from coterie.words.effect import Put, Watch
from coterie.words.failure import Failure, Policy
from coterie.words.message import Message
from coterie.words.plan import Plan, Step
from coterie.words.task import Task
from coterie.words.thread import Thread

_APART = re.compile(r"[/.\s]")
"""What cannot stand in a name."""


class Ledger:
    """What has come of the steps for one task: the results by id, and what failed in the last plan."""

    def __init__(self, key: str, workers: Mapping[str, Actor], verify: Actor | None) -> None:
        self.key = key
        self.workers = workers
        self.verify = verify
        self.order: dict[str, Step] = {}
        self.done: dict[str, Message] = {}
        self.failed: dict[str, Failure] = {}
        self.needed: set[str] = set()

    @property
    def results(self) -> tuple[Message, ...]:
        """What the steps said, in the order in which they were planned."""
        return tuple(self.done[id] for id in self.order if id in self.done)

    @property
    def ends(self) -> list[Message]:
        """The results that no other step with a result was made from."""
        used = {needed for id in self.done for needed in self.order[id].depends_on}
        return [self.done[id] for id in self.order if id in self.done and id not in used]

    async def perform(self, plan: Plan, goal: Task, on_failure: Policy) -> list[Message | Failure]:
        """Do what is not done of `plan`; what each such step came to.

        Raises:
            RunError: what `on_failure` makes of steps that fail.
        """
        self.failed = {}
        self.needed = {needed for step in plan.steps for needed in step.depends_on}
        kept = {id: step for id, step in self.order.items() if id in self.done}
        self.order = kept | {step.id: step for step in plan.steps if step.id not in kept}
        place = f"{self.key}.{await Put(self.key, plan)}/"
        base = conversation(goal)
        steps = [Work(step, self, place, base) for step in plan.steps if step.id not in self.done]
        return [*await gather(*(step(goal) for step in steps), on_failure=on_failure)]


class Work(Actor):
    """One step of a plan."""

    def __init__(self, step: Step, ledger: Ledger, place: str, goal: Thread) -> None:
        self.name = _label(step.id)
        self.step = step
        self.ledger = ledger
        self.place = place
        self.goal = goal

    def describe(self) -> Any:
        return self.step

    async def play(self, task: Task, /) -> Message:
        step, ledger = self.step, self.ledger
        try:
            inputs = await self._inputs() if step.depends_on else {}
            message = await ledger.workers[step.worker](_asked(step, self.goal, inputs, task.data))
            if ledger.verify is not None and step.done_when:
                await self._verify(ledger.verify, message)
        except Exception as error:  # whatever a worker raises, nobody may wait for this step for ever
            ledger.failed[step.id] = failure_of(error)
            if step.id in ledger.needed:
                await self._tell("failed")
            raise
        ledger.done[step.id] = message
        if step.id in ledger.needed:
            await self._tell("done")
        return message

    def _tell(self, end: str) -> Put:
        """Let the steps that need this one go on."""
        return Put(self.place + self.step.id, end)

    async def _inputs(self) -> dict[str, Message]:
        """The results this step depends on, once they are there."""
        done, needed = self.ledger.done, self.step.depends_on
        for id in needed:
            if id not in done:
                await Watch(self.place + id)
        lost = [id for id in needed if id not in done]
        if lost:
            raise Skipped(f"step {self.step.id!r} was not begun: {', '.join(map(repr, lost))} has no result")
        return {id: done[id] for id in needed}

    async def _verify(self, verify: Actor, message: Message) -> None:
        asked = Thread((Message(sender="user", text=_told(self.step)),))
        problem = await complaint(verify, message, asked)
        if problem:
            raise BadOutput(f"step {self.step.id!r} is not done: {problem}", raw=message.text)


def _asked(step: Step, goal: Thread, inputs: Mapping[str, Message], data: Any) -> Task:
    """What a worker is given: the goal and the inputs as a conversation, the inputs also as data."""
    if not inputs:
        return Task(_told(step), goal, data)
    outputs = {id: said.text if said.output is None else said.output for id, said in inputs.items()}
    return Task(_told(step), goal.add(*inputs.values()), outputs)


def _told(step: Step) -> str:
    return f"{step.task}\nDone when: {step.done_when}" if step.done_when else step.task


def _label(id: str) -> str:
    """A step's id as it stands in a path."""
    return _APART.sub("-", id) or "step"
