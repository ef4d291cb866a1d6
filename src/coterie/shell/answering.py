"""What people answer to the questions of a run, and what follows: of steps in doubt, limits and leave, too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from coterie.errors import InDoubt, NotOpen, RunError, failure_of
from coterie.kernel.machine import Machine
from coterie.kernel.replay import PERMISSION
from coterie.kernel.values import storable
from coterie.shell.gate import Gate, forbidden
from coterie.shell.inbox import Inbox
from coterie.shell.questions import fitting, put
from coterie.shell.world import World
from coterie.words.effect import Answer, Ask, answer_of
from coterie.words.event import Asked, Settled, Signalled
from coterie.words.limits import parsed


class Answering(Inbox):
    """The questions of one run that are open, and the steps that wait for their answers."""

    def __init__(
        self, machine: Machine, world: World, gate: Gate | None, answers: Mapping[str, Any] | None
    ) -> None:
        super().__init__(world.clock)
        self.machine = machine
        self.world = world
        self.waiting: dict[str, Ask] = {}
        self._gate = gate
        self._answers: dict[str, tuple[Answer, int | None]] = {
            path: (answer_of(given), None) for path, given in (answers or {}).items()
        }
        """Answers that came before their questions, with their numbers in the store; None for those of who resumes."""
        self._doubts: dict[str, float] = {}
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._in_doubt: dict[str, Asked] = {}
        self._over: dict[str, Asked] = {}
        self._held: dict[str, Asked] = {}
        self._anew: list[Asked] = []

    def hear(self, said: Signalled, number: int = 0) -> None:
        """Take what somebody outside says: an answer that is none is recorded, and changes nothing.

        What came through the store has a `number` there, until it is in the journal.
        """
        if said.kind != "answer":
            self._came += [number] if number else []
            self.arrive(said)
            return
        answer = msgspec.convert(said.value, Answer)
        if self._task is None:  # nothing is asked yet
            self._answers[said.about] = answer, number
        else:
            self._hear_answer(said.about, answer, number)

    def _hear_answer(self, path: str, answer: Answer, number: int) -> None:
        self._came += [number] if number else []
        try:
            self.answer(path, answer.value, answer.by)
        except RunError as error:
            self.arrive(Signalled("refused", path, {"why": error.message, "by": answer.by}))

    def answer(self, path: str, value: Any, by: str = "") -> None:
        """Take the answer of a person, `by`, to the question at `path`: who gave it is recorded first.

        Raises:
            NotOpen: if nothing is asked there.
            RunError: if the answer is not one of the choices.
        """
        question = self.waiting.get(path) if self._attending else None
        if question is None:
            raise NotOpen(f"no question is open at {path!r}; open are {sorted(self.waiting)}", path=path)
        plain = fitting(question, storable(value, path), path)
        raised = parsed(plain) if path in self._over and plain != "stop" else None
        self.arrive(Signalled("answer", path, {"value": plain, "by": by}))
        if raised is not None:
            self.arrive(Signalled("raised", self.machine.budget.owner(path), raised))
            return
        del self.waiting[path]
        if self._over.pop(path, None) is not None:
            self._refuse(path)
            return
        if (asked := self._held.pop(path, None)) is not None:
            short = self._gate is not None and self._gate.short(path)
            if plain == "approve" and short:
                self._anew.append(asked)
            elif plain == "approve":
                self._take_on(asked)
            else:
                self.arrive(forbidden(path, by, short=short))
            return
        asked = self._in_doubt.pop(path, None)
        if asked is None:
            self.arrive(Settled(path, plain))
        elif plain == "again":
            self._doubts.pop(path, None)
            self._begin(asked)
        else:
            failure = failure_of(InDoubt(f"a person gave {asked.path!r} up"), path)
            self.arrive(Settled(path, failure=failure))

    def _go_on(self) -> None:
        """Begin what a raised limit allows now."""
        for path in [path for path in self._over if path not in self.machine.budget.refused]:
            del self.waiting[path]
            self._begin(self._over.pop(path))

    def _refuse(self, path: str) -> None:
        """Let a step end that no limit allows."""
        if (refusal := self.machine.budget.refusal(path)) is not None:
            self._arrived.append(refusal)

    def _put(self, path: str) -> None:
        """Put a question about a step to whoever is here, if somebody is; else it stays open."""
        if self.world.ask is not None and path in self.waiting and path not in self._answers:
            asking = put(self.world.ask, path, self.waiting, self.answer)
            self._jobs[path] = asyncio.get_running_loop().create_task(asking)

    def _question(self, path: str, ask: Ask) -> None:
        """Ask a person about a step that is no question itself; the journal says that it is open."""
        self.waiting[path] = ask
        if path not in self._answers or ask.about == PERMISSION:
            self.machine.note(path, "asks", ask.about, [ask.question, list(ask.choices)])

    def _take_on(self, ask: Asked) -> None:
        """Begin one of several things."""
        raise NotImplementedError

    def _begin(self, ask: Asked) -> None:
        """Begin a job."""
        raise NotImplementedError
