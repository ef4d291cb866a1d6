"""Seats: peers at work on one task, and what becomes of what they ask of one another.

Every peer has a seat, and every request is a call of a seat with a task that is the same whoever asks
for it. So the frames of a run are the ancestry of each request, and the kernel, which refuses a task
that comes back to an actor at work on it, stops A -> B -> A at the first repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor, gather
from coterie.agent import conversation
from coterie.errors import BadOutput, Declined, NobodyCan, NoProgress, RunError, failure_of
from coterie.patterns.answers import again, answers, missing_of
from coterie.patterns.choose import fields_in
from coterie.words.effect import Mark
from coterie.words.failure import Failure, Policy, collect_all, failures, successes
from coterie.words.handover import Decline, Done, HandOver, Help, Move, Split
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

MOVES = """You may answer, or say one of these as JSON:
{"move": "help", "can": "...", "task": "..."} to have a part done for you
{"move": "split", "parts": [{"task": "...", "can": "..."}]} to have parts done at once
{"move": "hand_over", "to": "..."} to let somebody else do it
{"move": "decline", "reason": "..."}
The others, and what they can do: """
"""What a peer that is not alone is told before its task, with who else there is."""


class Peer(Struct, frozen=True):
    """A member: who it is, what it can do, and how many tasks it takes at once (None: any number)."""

    actor: Actor
    can: tuple[str, ...] = ()
    at_once: int | None = None


class Table:
    """What is under way for one task: who sits there, who refused what, and how many turns are left."""

    def __init__(self, goal: Task, crew: dict[str, Peer], turns: int, on_failure: Policy) -> None:
        self.goal = goal
        self.turns = turns
        self.on_failure = on_failure
        self.refused: dict[tuple[str, str], str] = {}
        self.seats = {name: Seat(peer, self) for name, peer in crew.items()}

    def able(self, can: str, asker: Seat) -> list[Seat]:
        """The others that can do `can`, or are called that; all the others, where it is empty."""
        others = [seat for seat in self.seats.values() if seat is not asker]
        return [seat for seat in others if can in ("", seat.name, *seat.peer.can)]

    async def part(self, text: str, can: str, asker: Seat) -> Message:
        """What becomes of a request; the same text is the same task, whoever asks for it."""
        text, goal = text.strip(), self.goal
        task = goal if text == goal.text.strip() else Task(text, conversation(goal), goal.data)
        return await self.request(self.able(can, asker), task)

    async def request(self, seats: Sequence[Seat], task: Task) -> Message:
        """What the first of `seats` that does not refuse makes of `task`.

        Raises:
            NobodyCan: if all do.
        """
        refused: list[Failure] = []
        for seat in seats:
            try:
                said = await seat(task)
            except RunError as error:
                if self.turns < 0:
                    raise
                refused.append(failure_of(error))
            else:
                return replace(said, missing=(*refused, *said.missing))
        why = "; ".join(f"{one.kind}: {one.message}" for one in refused)
        raise NobodyCan(f"nobody can do {task.text[:80]!r}: {why or 'there is no other peer'}")


class Seat(Actor):
    """A peer at a table. The kernel refuses a task that comes back to a seat at work on it."""

    def __init__(self, peer: Peer, table: Table) -> None:
        self.name = peer.actor.name
        self.peer = peer
        self.table = table
        self.busy = 0

    def describe(self) -> Any:
        return self.peer.can

    async def play(self, task: Task, /) -> Message:
        why = self.table.refused.get((self.name, task.text), "")
        if not why and self.peer.at_once is not None and self.busy >= self.peer.at_once:
            why = f"is at capacity: {self.peer.at_once} at once"
        if why:
            raise Declined(f"{self.name!r} {why}")
        try:
            return await self._worked(task)
        except RunError as error:
            self.table.refused[self.name, task.text] = f"refused before: {error.message}"
            raise

    async def _worked(self, task: Task) -> Message:
        """What comes of `task` here, with whatever the others do for it."""
        had: list[Message | Failure] = []
        asked = Task(task.text, self._told(task), task.data)
        self.busy += 1
        try:
            said, move = await self._moved(asked)
            while isinstance(move, (Help, Split)):
                outcomes = await self._had(move)
                asked = Task(
                    _results(outcomes), conversation(asked).add(said, *successes(outcomes)), outcomes
                )
                had += outcomes
                said, move = await self._moved(asked)
        finally:
            self.busy -= 1
        if isinstance(move, HandOver):
            said = await self.table.request(self.table.able(move.to, self), task)
        elif said.text != move.text:
            said = replace(said, text=move.text, output=None)
        parts: list[Message] = successes(had)
        return replace(
            said, parts=(*parts, *said.parts), missing=(*failures(had), *missing_of([*parts, said]))
        )

    async def _had(self, move: Help | Split) -> list[Message | Failure]:
        """What the others made of what was asked of them."""
        await Mark(str(move))
        if isinstance(move, Split):
            parts = [self.table.part(one.task, one.can, self) for one in move.parts]
            return await answers(parts, self.table.on_failure)
        outcomes = await gather(self.table.part(move.task, move.can, self), on_failure=collect_all)
        return [*outcomes]

    async def _moved(self, asked: Task) -> tuple[Message, Done | Help | Split | HandOver]:
        """The member's next move; one that cannot be followed goes back once.

        Raises:
            Declined: if that is its move.
            BadOutput: if the second one cannot be followed either.
            NoProgress: if there are no turns left.
        """
        said, problem = Message(sender=self.name), ""
        for _ in range(2):
            self.table.turns -= 1
            if self.table.turns < 0:
                raise NoProgress("all turns are spent: raise max_moves, or let peers do more themselves")
            said = await self.peer.actor(asked)
            try:
                move = _move_in(said)
                problem = self._wrong(move)
            except ValueError as error:
                move, problem = Decline(""), str(error)
            if problem:
                asked = again(asked, said, problem)
            elif isinstance(move, Decline):
                raise Declined(f"{self.name!r} declines: {move.reason}")
            else:
                return said, move
        raise BadOutput(f"{self.name!r}: its move cannot be followed: {problem}", raw=said.text)

    def _told(self, task: Task) -> Thread:
        """The conversation before the task, and what may be done with it."""
        before = task.context or Thread()
        others = self._others()
        return before.add(Message(sender="user", text=MOVES + others)) if others else before

    def _wrong(self, move: Move) -> str:
        """What is wrong with whom a move names; empty if nothing."""
        wanted = [one.can for one in move.parts] if isinstance(move, Split) else []
        wanted += [move.can] if isinstance(move, Help) else [move.to] if isinstance(move, HandOver) else []
        unknown = [can for can in wanted if not self.table.able(can, self)]
        if isinstance(move, Split) and not move.parts:
            return "a split has at least one part"
        return f"no other peer can do {unknown[0]!r}; there is {self._others()}" if unknown else ""

    def _others(self) -> str:
        """Who else there is, and for what."""
        others = self.table.able("", self)
        return "; ".join(f"{one.name} ({', '.join(one.peer.can) or 'anything'})" for one in others)


def _move_in(said: Message) -> Move:
    """The move that a member's output or text is; whatever is none is an answer.

    Raises:
        ValueError: if it is meant as a move, and is none.
    """
    given = fields_in(said) or {}
    if "move" not in given:
        return Done(said.text)
    move: Move = msgspec.convert(given, Move)
    return move


def _results(outcomes: Sequence[Message | Failure]) -> str:
    """What an asker is told of what the others made of its requests."""
    lost = [f"- {one.kind}: {one.message}" for one in outcomes if isinstance(one, Failure)]
    without = "\nNot to be had:\n" + "\n".join(lost) if lost else ""
    return f"That is what the others made of it.{without}\nGo on with your task."
