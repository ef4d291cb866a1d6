"""Mapreduce: a task is split into parts, a worker does each, and the results are reduced to one answer.

A few strands pull parts from one iterator, and each takes the next when it is done with one. So there
are no waves, and no more parts in memory than are being worked on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput, BadOutput, BranchesFailed, OverLimit, failure_of
from coterie.kernel.values import to_plain
from coterie.patterns.answers import missing_of, under
from coterie.patterns.choose import decision, fitted
from coterie.patterns.parallel import Joiner, concatenate, joined
from coterie.team import Team
from coterie.typed import parse
from coterie.words.effect import Hear, Here, Send
from coterie.words.failure import FailFast, Failure, Policy, Quorum, fail_fast
from coterie.words.message import Message
from coterie.words.task import Task

Split: TypeAlias = "Callable[[Task], Iterable[Any]] | Actor"
"""Splits a task into parts, each a text, a `Task` or data: a function of the task (a generator is only
asked for a part when somebody is free to do it), or an actor that answers with a list."""
INTO = "Split this into parts. Answer with a JSON list of texts."
PARTS = 100_000
"""Parts that a task may have, unless its team says otherwise."""


class Fold(Struct, frozen=True):
    """A reduction that takes results in the order of the parts and keeps none of them.

    `start` is what it begins with, `step` adds a result, and `end` makes the answer of it.
    """

    start: Any
    step: Callable[[Any, Message], Any]
    end: Callable[[Any], Message | str]

    def ended(self, total: Any) -> Message:
        """The answer that a total makes."""
        answer = self.end(total)
        return answer if isinstance(answer, Message) else Message(sender="", text=answer)


def mapreduce(
    worker: Actor,
    *,
    split: Split,
    reduce: Joiner | Fold | None = None,
    at_once: int = 8,
    max_parts: int = PARTS,
    name: str = "mapreduce",
    on_failure: Policy = fail_fast,
) -> Team:
    """A team that splits its task, lets `worker` do each part, `at_once` at a time, and reduces the results.

    `reduce` (default: `concatenate`) is as the join of `parallel`, or a `Fold`, which takes each
    result as soon as all before it are there and lets it go; then `parts` is empty. Otherwise it is
    what was said of each part, in the order of the parts; `missing` is which parts have no result, and
    why. A worker is told its part and the context of the task, not the task's own text. A part is begun
    as soon as somebody is free. Without parts an actor that reduces is not asked: the answer is empty.

    Raises:
        BadInput: with at_once or max_parts below 1.
        OverLimit: when played, if there are more than `max_parts`.
        BadOutput: when played, if an actor that splits gives no list at its second try either.
        BranchesFailed: when played, if no part has a result, or fewer than a quorum have.
    """
    if at_once < 1 or max_parts < 1:
        raise BadInput(f"mapreduce {name!r}: at_once and max_parts are 1 or more")
    by = concatenate if reduce is None else reduce

    async def play(task: Task) -> Message:
        parts = await _parts(split, task)
        job = Job(worker, task, iter(parts), by if isinstance(by, Fold) else None, max_parts, on_failure)
        await job.perform(at_once, f"{await Here()}.enough")
        said = tuple(one for _, one in sorted(job.results.items()))
        if isinstance(by, Fold):
            answer = by.ended(job.total)
        else:
            answer = await joined(by, task, said) if said else Message(sender=name)
        lost = tuple(one for _, one in sorted(job.lost.items()))
        return replace(answer, sender=name, parts=said, missing=(*lost, *missing_of(said)))

    known = [one for one in (worker, split, by) if isinstance(one, Actor)]
    reduces = [label(by.step), label(by.end), repr(by.start)] if isinstance(by, Fold) else label(by)
    settings = {"split": label(split), "reduce": reduces, "at_once": at_once, "max_parts": max_parts}
    settings |= {"on_failure": repr(on_failure)}
    calls = [each(max_parts, worker), each(2, split), each(1, by)]
    return Team(name, known, play, settings=settings, calls=calls)


class Job:
    """The parts of one task: what is left of them, what was said of each, and which were lost."""

    def __init__(
        self,
        worker: Actor,
        goal: Task,
        left: Iterator[Any],
        fold: Fold | None,
        most: int,
        policy: Policy,
    ) -> None:
        self.worker, self.goal, self.left, self.fold = worker, goal, left, fold
        self.most, self.policy = most, policy
        self.needed = policy.needed if isinstance(policy, Quorum) else 0
        self.results: dict[int, Message] = {}
        self.lost: dict[int, Failure] = {}
        self.begun = self.good = self.folded = 0
        self.under_way: set[int] = set()
        self.at_end = False
        self.total: Any = fold.start if fold is not None else None

    async def perform(self, at_once: int, enough: str) -> None:
        """Do the parts, as far as the policy asks for.

        Raises:
            BranchesFailed: if no part has a result, or fewer than a quorum have.
        """
        hands = [self._work(enough) for _ in range(at_once)]
        undone = await under(self.policy, hands, Hear(enough))
        if undone is not None:
            self._leave(undone)
        if self.good < self.needed or (self.lost and not self.good):
            some = "; ".join(str(one) for _, one in sorted(self.lost.items())[:3])
            raise BranchesFailed(
                f"{self.good} of {self.begun} parts have a result, {self.needed or 1} needed: {some}"
            )

    async def _work(self, enough: str) -> None:
        """Do one part after the other, each as soon as the one before has ended."""
        while (part := self._next()) is not None:
            at, task = part
            try:
                self._keep(at, await self.worker(task))
            except Exception as error:  # whatever a worker raises, the policy is about parts and not strands
                if isinstance(self.policy, FailFast):
                    raise
                self.lost[at] = failure_of(error)
            self.under_way.remove(at)
            self._fold()
            if self._decided:
                await Send(enough, "")

    @property
    def _decided(self) -> bool:
        """Whether a quorum is there, or can no longer be."""
        hopeless = self.at_end and self.good + len(self.under_way) < self.needed
        return bool(self.needed) and (self.good >= self.needed or hopeless)

    def _next(self) -> tuple[int, Task] | None:
        """The next part, and its place."""
        for part in self.left:
            if self.begun == self.most:
                raise OverLimit(f"more than {self.most:,} parts: raise max_parts, or split into fewer")
            at, self.begun = self.begun, self.begun + 1
            self.under_way.add(at)
            return at, _asked(part, self.goal)
        self.at_end = True
        return None

    def _keep(self, at: int, said: Message) -> None:
        self.good += 1
        self.results[at] = said

    def _fold(self) -> None:
        """Take the results that all before them are there of."""
        while self.fold is not None and (self.folded in self.results or self.folded in self.lost):
            if (said := self.results.pop(self.folded, None)) is not None:
                self.total = self.fold.step(self.total, said)
            self.folded += 1

    def _leave(self, why: Failure) -> None:
        """Say of the parts without an end why they have none; those not begun are one."""
        for at in self.under_way:
            self.lost[at] = replace(why, message=f"part {at}: {why.message}")
        if not self.at_end and next(self.left, None) is not None:
            message = f"part {self.begun} and on: not begun: {why.message}"
            self.lost[self.begun] = replace(why, message=message)


async def _parts(split: Split, task: Task) -> Iterable[Any]:
    """The parts of a task.

    Raises:
        BadOutput: if an actor that splits gave no list twice.
    """
    if not isinstance(split, Actor):
        return split(task)
    made = await decision(fitted(split, list[str]), Task(INTO, conversation(task), task.data), _list_in)
    if made.value is None:
        raise BadOutput(f"{split.name!r} split into no list in 2 tries: {made.why}", raw=made.said.text)
    return made.value


def _list_in(said: Message) -> list[Any]:
    """The list that a message is.

    Raises:
        ValueError: if it is none.
    """
    if said.output is not None:
        return msgspec.convert(to_plain(said.output), list[Any])
    found: list[Any] = parse(said.text, list[Any])
    return found


def _asked(part: Any, goal: Task) -> Task:
    """What a worker is told of a part."""
    if isinstance(part, Task):
        return part
    if isinstance(part, str):
        return Task(part, goal.context)
    return Task(msgspec.json.encode(to_plain(part)).decode(), goal.context, part)
