"""Supervisor: a lead gives out work step by step, sees what comes of it, and answers at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent, conversation
from coterie.calls import each, together
from coterie.check import complaint
from coterie.errors import BadInput, NoProgress, RunError, failure_of
from coterie.patterns.answers import missing_of
from coterie.patterns.choose import decision, eligible_name, fields_in, fitted, one_of
from coterie.patterns.crew import crew_of, listing, purposes
from coterie.team import Team
from coterie.toolbox import hash_of
from coterie.words.effect import Mark
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread


class Turn(Struct, frozen=True, omit_defaults=True):
    """What a lead decides: a worker's next task and when it is done, or, without a worker, the answer."""

    worker: str = ""
    task: str = ""
    done_when: str = ""
    answer: str = ""


GIVE = '{"worker": "...", "task": "...", "done_when": "..."}'
ANSWER = '{"answer": "..."}'
TRIES = 2
"""How often a worker may fail before it gets no more work, unless its supervisor says otherwise."""


def supervisor(
    lead: Actor,
    workers: Sequence[Actor],
    *,
    verify: Actor | None = None,
    max_turns: int = 20,
    tries: int = TRIES,
    name: str = "supervisor",
) -> Team:
    """A team whose `lead` picks a worker and its task, sees the result, and decides again, until it answers.

    The lead says a `Turn`; an agent is held to the workers that are eligible now: those that have not
    declined, nor failed `tries` times. A wrong choice goes back once; after a second one the eligible
    worker with the fewest turns, of equals the first declared, gets the task. The lead sees each result
    beside its done-when, and `verify`, if given, what is wrong with it; its conversation only grows at
    the end. The last of `max_turns` can only be an answer. `parts` is what the workers said, in the
    order of the turns; `missing` is which failed, and why.

    Raises:
        BadInput: without workers, if two have one name, or with max_turns or tries below 1.
        NoProgress: when played, if the lead does not answer in time, or a worker is given the same
            task with the same result for the third time.
    """
    crew = crew_of(workers, f"supervisor {name!r}", "workers")
    if max_turns < 1 or tries < 1:
        raise BadInput(f"supervisor {name!r}: max_turns and tries are 1 or more")

    async def play(task: Task) -> Message:
        work = Work(lead, crew, task, verify, tries)
        try:
            answer = await work.answer(await work.led(max_turns))
        except RunError as error:
            error.finished = error.finished or work.parts
            raise
        return replace(answer, sender=name, parts=work.parts, missing=work.missing)

    known = [lead, *workers] if verify is None else [lead, *workers, verify]
    settings = {"max_turns": max_turns, "tries": tries, "verify": verify is not None}
    calls = [each(2 * max_turns + 1, lead), together(max_turns - 1, *workers), each(max_turns - 1, verify)]
    return Team(name, known, play, settings=settings, calls=calls)


class Work:
    """What has been done for one task, and the lead's conversation about it."""

    def __init__(
        self, lead: Actor, crew: Mapping[str, Actor], goal: Task, verify: Actor | None, tries: int
    ) -> None:
        self.lead, self.crew, self.goal, self.verify, self.tries = lead, crew, goal, verify, tries
        self.thread = conversation(goal)
        self.results = conversation(goal)
        self.said: list[Message] = []
        self.failed: list[Failure] = []
        self.lost = dict.fromkeys(crew, 0)
        self.turns = dict.fromkeys(crew, 0)
        self.news = f"You lead these workers:\n{listing(purposes(crew))}"

    @property
    def eligible(self) -> list[str]:
        """The workers that may get work now."""
        return [one for one, lost in self.lost.items() if lost < self.tries]

    @property
    def parts(self) -> tuple[Message, ...]:
        """What the workers said."""
        return tuple(self.said)

    @property
    def missing(self) -> tuple[Failure, ...]:
        """Who did not answer, here and below."""
        return (*self.failed, *missing_of(self.said))

    async def led(self, max_turns: int) -> Turn:
        """The lead's answer, once it has given out all the work that it wants done."""
        for _ in range(max_turns - 1):
            decided = await self.decide(self.eligible)
            if not decided.worker:
                return decided
            await self.give(decided)
        return await self.decide([])

    async def decide(self, eligible: Sequence[str]) -> Turn:
        """What the lead decides, or a rule in its place.

        Raises:
            NoProgress: if it can only answer by now, and does not.
        """
        asked = Task(f"{self.news}\n{_ways(eligible)}", self.thread, self.goal.data)
        made = await decision(
            fitted(self.lead, _turn_to(eligible)), asked, lambda said: _turn(said, eligible)
        )
        self.thread = made.thread
        if made.value is not None:
            return made.value
        if not eligible:
            why = f"it can only answer now, and it has not: {made.why}"
            raise NoProgress(f"{self.lead.name!r} has no turn left, or no worker; {why}", raw=made.said.text)
        to = min(eligible, key=lambda one: self.turns[one])
        message = f"{to!r} got the task by rule, after two wrong choices of {self.lead.name!r}: {made.why}"
        self.failed.append(Failure(kind="BadOutput", message=message, raw=made.said.text))
        given = fields_in(made.said) or {}
        return Turn(to, str(given.get("task") or self.goal.text), str(given.get("done_when") or ""))

    async def give(self, turn: Turn) -> None:
        """Let a worker do its task, and keep what came of it for the lead."""
        self.turns[turn.worker] += 1
        told = f"{turn.task}\nDone when: {turn.done_when}" if turn.done_when else turn.task
        try:
            said = await self.crew[turn.worker](Task(told, self.results, self.goal.data))
        except RunError as error:
            self._lose(turn, error)
            result = f"failed: {failure_of(error).message}"
        else:
            said = await self._verified(turn, said)
            self.said.append(said)
            self.results = self.results.add(said)
            self.thread = self.thread.add(said)
            result = f"not done: {said.unverified}" if said.unverified else "is above"
        due = f" (done when: {turn.done_when})" if turn.done_when else ""
        self.news = f"{turn.worker}, {turn.task!r}{due}: {result}"
        text = self.said[-1].text if result == "is above" else result
        await Mark(f"{turn.worker}: {turn.task[:80]} {hash_of(f'{told} {text}')}")

    def _lose(self, turn: Turn, error: RunError) -> None:
        failure = failure_of(error)
        self.failed.append(failure)
        self.lost[turn.worker] += self.tries if failure.kind in ("Declined", "NobodyCan") else 1

    async def _verified(self, turn: Turn, said: Message) -> Message:
        """The result, with what `verify` finds missing of its done-when."""
        if self.verify is None or not turn.done_when:
            return said
        asked = Message(sender="user", text=f"{turn.task}\nDone when: {turn.done_when}")
        return replace(said, unverified=await complaint(self.verify, said, Thread((asked,))))

    async def answer(self, turn: Turn) -> Message:
        """The lead's answer; where it has a type, the lead is asked for it once more."""
        if isinstance(self.lead, Agent) and self.lead.output is not None:
            return await self.lead(
                Task(f"Give this answer in full: {turn.answer}", self.thread, self.goal.data)
            )
        return Message(sender="", text=turn.answer)


def _ways(eligible: Sequence[str]) -> str:
    if not eligible:
        return f"No work can be given out any more. Answer the task with JSON: {ANSWER}"
    return f"Give out the next piece of work with JSON: {GIVE}, to one of {', '.join(eligible)}. Or answer: {ANSWER}"


def _turn_to(eligible: Collection[str]) -> Any:
    """The type of a turn that goes to one of `eligible`, or is an answer."""
    work: list[Any] = [("worker", one_of(("", *eligible)), ""), ("task", str, ""), ("done_when", str, "")]
    fields: list[Any] = [*(work if eligible else []), ("answer", str, "")]
    return msgspec.defstruct("Turn", fields)


def _turn(said: Message, eligible: Collection[str]) -> Turn:
    """The turn that a lead's message is.

    Raises:
        ValueError: if it is none, or its worker is not eligible now.
    """
    given = fields_in(said)
    if given is None:
        raise ValueError(f"this is neither {GIVE} nor {ANSWER}")
    turn = msgspec.convert(given, Turn)
    if not turn.worker and turn.answer:
        return turn
    if not turn.task.strip() and turn.worker:
        raise ValueError(f"{turn.worker!r} is given no task")
    return replace(turn, worker=eligible_name(turn.worker, eligible))
