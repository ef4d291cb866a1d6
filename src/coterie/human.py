"""A person as an actor: a member of any team, who is asked and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from coterie.actor import Actor, named, within
from coterie.errors import BadInput, BadOutput, Declined, Late
from coterie.kernel.values import to_plain
from coterie.typed import parse, schema_of
from coterie.words.effect import Ask
from coterie.words.limits import Limits
from coterie.words.message import Message
from coterie.words.task import Task

REPAIRS = 3
"""Times a person is told what is wrong with an answer."""


class Human(Actor):
    """A person who is given tasks by being asked, wherever they are: at the terminal, on the page, by a protocol.

    The answer is the message. `choices` are the answers that are accepted; `output` is the type of one that is
    given as JSON, and one that does not fit is asked for again with what is wrong with it. Whoever has not answered
    within `expires` seconds declines, or `deputy` is given the task in their place. A run waits for a person
    without taking any memory.
    """

    def __init__(
        self,
        name: str,
        *,
        choices: Sequence[str] = (),
        output: Any = None,
        expires: float | None = None,
        deputy: Actor | None = None,
        limits: Limits | None = None,
    ) -> None:
        if deputy is not None and expires is None:
            raise BadInput(f"human {name!r}: a deputy takes over when the time is over; say expires=")
        if expires is not None and expires <= 0:
            raise BadInput(f"human {name!r}: expires is in seconds, above 0, not {expires}")
        self.name = named(name)
        self.choices = tuple(choices)
        self.output = output
        self.expires = expires
        self.deputy = deputy
        self.limits = limits

    @property
    def members(self) -> tuple[Actor, ...]:
        return () if self.deputy is None else (self.deputy,)

    def describe(self) -> Any:
        return [list(self.choices), None if self.output is None else schema_of(self.output), self.expires]

    async def play(self, task: Task, /) -> Message:
        question, problem, text = _asked(task), "", ""
        for _ in range(REPAIRS + 1):
            try:
                answer = await self._ask(question + problem)
            except Late as error:
                if self.deputy is not None:
                    return await self.deputy(task)
                raise Declined(f"{self.name!r} has not answered within {self.expires:g} s") from error
            text = answer if isinstance(answer, str) else msgspec.json.encode(to_plain(answer)).decode()
            try:
                return Message(sender=self.name, text=text, output=self._typed(text))
            except (ValueError, TypeError) as error:  # what validators raise
                problem = f"\n\nThat answer cannot be used: {error}"
        raise BadOutput(f"{self.name!r} gave {REPAIRS + 1} answers that cannot be used:{problem}", raw=text)

    def _ask(self, question: str) -> Awaitable[Any]:
        ask = Ask(question, "choice" if self.choices else "question", self.choices, self.name)
        return ask if self.expires is None else within(self.expires, ask)

    def _typed(self, text: str) -> Any:
        return None if self.output is None else parse(text, self.output)


def _asked(task: Task) -> str:
    """What a person reads: the task, and what was said last before it."""
    if not task.context:
        return task.text
    last = task.context[-1]
    return f"{last.sender}: {last.text}\n\n{task.text}" if task.text else f"{last.sender}: {last.text}"
