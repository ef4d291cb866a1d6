"""Backlog: jobs that wait, are under way, or have ended, each in exactly one of these.

Next is the job with the highest `priority + waited / age`, where `waited` counts the jobs taken since it
was queued. That is the ageing of operating systems (Silberschatz, Galvin and Gagne, "Operating System
Concepts", the section on priority scheduling). All jobs age alike, so their order never changes while
they wait: it is that of `queued - priority * age`. A job is passed over by at most `age` later ones for
each priority that they are above it, so none starves.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from coterie.words.failure import Failure
from coterie.words.message import Message

AGE = 8
"""Jobs taken before it that are worth one priority to a job that waits."""
MOST = 1000
"""Jobs that answers may add to a queue."""


class Job(Struct, frozen=True):
    """One task in a queue; a higher `priority` goes first."""

    text: str
    priority: int = 0
    data: Any = None


class More(Struct, frozen=True):
    """A worker's answer that adds jobs to the queue."""

    jobs: tuple[Job, ...]
    answer: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """How one job ended: with an answer (typed, where it had a type), or with a failure."""

    job: Job
    state: Literal["done", "failed", "skipped"]
    tries: int
    worker: str = ""
    answer: Any = None
    failure: Failure | None = None


class Backlog:
    """The jobs of one run of a queue."""

    def __init__(self, workers: int, tries: int, age: int, max_added: int, key: str) -> None:
        self.key = key
        self.version = 0
        self.jobs: list[Job] = []
        self._workers, self._tries, self._age, self._room = workers, tries, age, max_added
        self._waiting: list[tuple[int, int]] = []
        self._ranks: list[int] = []
        self._tried: list[list[int]] = []
        self._ends: dict[int, Outcome] = {}
        self._said: dict[int, Message] = {}
        self._taken = 0

    @property
    def ended(self) -> bool:
        """Whether every job has ended."""
        return len(self._ends) == len(self.jobs)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """How the jobs ended that have, in their order."""
        return tuple(self._ends[n] for n in sorted(self._ends))

    @property
    def said(self) -> list[Message]:
        """The answers, in the order of the jobs."""
        return [self._said[n] for n in sorted(self._said)]

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs wait, are under way, and have ended."""
        waiting, ended = len(self._waiting), len(self._ends)
        return {"waiting": waiting, "under_way": len(self.jobs) - waiting - ended, "ended": ended}

    def add(self, jobs: Sequence[Job], *, extra: bool = False) -> None:
        """Queue jobs; `extra` ones only while there is room for them."""
        for job in jobs:
            n = len(self.jobs)
            self.jobs.append(job)
            self._tried.append([])
            self._ranks.append(self._taken - job.priority * self._age)
            if extra and self._room == 0:
                self._end(
                    n, "skipped", failure=Failure(kind="Skipped", message="max_added jobs were added before")
                )
                continue
            self._room -= extra
            insort(self._waiting, (self._ranks[n], n))

    def take(self, worker: int) -> int | None:
        """The next job for a worker; it leaves what it has tried to those who have not."""
        for at, (_, n) in enumerate(self._waiting):
            tried = self._tried[n]
            if worker not in tried or len(set(tried)) == self._workers:
                del self._waiting[at]
                self._taken += 1
                return n
        return None

    def done(self, n: int, worker: int, name: str, said: Message) -> None:
        """A job has its answer."""
        self._tried[n].append(worker)
        self._said[n] = said
        self._end(n, "done", name, said.text if said.output is None else said.output)

    def failed(self, n: int, worker: int, name: str, failure: Failure) -> bool:
        """A try has failed: the job waits in its old place, or has failed; whether it has."""
        tried = self._tried[n]
        tried.append(worker)
        if len(tried) == self._tries:
            self._end(n, "failed", name, failure=failure)
            return True
        insort(self._waiting, (self._ranks[n], n))
        return False

    def skip(self, why: Failure) -> None:
        """Whatever has not ended is skipped."""
        for n in range(len(self.jobs)):
            if n not in self._ends:
                self._end(n, "skipped", failure=why)

    def _end(
        self,
        n: int,
        state: Literal["done", "failed", "skipped"],
        by: str = "",
        answer: Any = None,
        failure: Failure | None = None,
    ) -> None:
        tries = len(self._tried[n])
        job = self.jobs[n]
        self._ends[n] = Outcome(job=job, state=state, tries=tries, worker=by, answer=answer, failure=failure)
