"""Work queue: idle workers take the next job, by priority, and waiting counts."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import ENDLESS, together
from coterie.check import label
from coterie.errors import BadInput, BadOutput, BranchesFailed, RunError, failure_of
from coterie.patterns.answers import missing_of, under
from coterie.patterns.backlog import AGE, MOST, Backlog, Job, More
from coterie.team import Team
from coterie.typed import parse
from coterie.words.effect import Hear, Here, Put, Send, Watch
from coterie.words.failure import FailFast, Policy, Quorum, collect_all
from coterie.words.message import Message
from coterie.words.task import Task

Jobs: TypeAlias = Sequence[Job | str]
"""What there is to do, in declared order; a text is a job of priority 0."""


def workqueue(
    *workers: Actor,
    tasks: Jobs | Callable[[Task], Jobs | Awaitable[Jobs]] | None = None,
    tries: int = 2,
    age: int = AGE,
    max_added: int = MOST,
    name: str = "workqueue",
    on_failure: Policy = collect_all,
) -> Team:
    """A team whose workers, one job at a time each, take the next of `tasks` whenever they are idle.

    `tasks` are jobs, a function of the team's task that gives them, or, by default, that task's data. Next
    is the job with the highest priority, where each `age` jobs taken before it count as one priority more; of
    equals the one declared first. A worker whose answer is a `More` adds jobs, at most `max_added` in
    all. A job that failed goes to a worker that has not tried it, while there is one, at most `tries`
    times in all. The output is one `Outcome` a job, in the order of the jobs; `parts` is the
    answers and `missing` the failures, in that order too.

    Raises:
        BadInput: without workers, or for bounds that allow nothing.
    """
    if not workers or tries < 1 or age < 1 or max_added < 0:
        raise BadInput(
            f"workqueue {name!r} needs a worker, tries and age of 1 or more, max_added of 0 or more"
        )

    async def play(task: Task) -> Message:
        backlog = Backlog(len(workers), tries, age, max_added, f"{await Here()}.jobs")
        backlog.add(await _jobs(tasks, task, name))
        hands = [_work(worker, n, backlog, task, on_failure) for n, worker in enumerate(workers)]
        undone = await under(on_failure, hands, Hear(f"{backlog.key}.enough"))
        if undone is not None:
            backlog.skip(undone)
        return _answer(backlog, name, on_failure)

    given = label(tasks) if callable(tasks) else tasks
    settings = {"tasks": given, "bounds": [tries, age, max_added], "on_failure": repr(on_failure)}
    jobs = ENDLESS if tasks is None or callable(tasks) else len(tasks) + max_added
    return Team(name, workers, play, settings=settings, calls=[together(tries * jobs, *workers)])


async def _jobs(tasks: Any, task: Task, name: str) -> list[Job]:
    """The jobs that a run begins with."""
    found = tasks(task) if callable(tasks) else task.data if tasks is None else tasks
    given = await found if inspect.isawaitable(found) else found
    try:
        listed: list[str | Job] = msgspec.convert(given, list[str | Job], from_attributes=True)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"workqueue {name!r}: tasks= or the task's data are a list of texts or jobs: {error}"
        ) from error
    return [Job(one) if isinstance(one, str) else one for one in listed]


async def _work(worker: Actor, at: int, backlog: Backlog, goal: Task, policy: Policy) -> None:
    """One worker's share: the next job whenever it is idle, until every job has ended."""
    context = conversation(goal)
    while not backlog.ended:
        n = backlog.take(at)
        if n is None:
            await Watch(backlog.key, after=backlog.version)
            continue
        job = backlog.jobs[n]
        try:
            said = await worker(Task(job.text, context, job.data))
            said, more = _more_in(said)
        except Exception as error:  # whatever a worker raises, its job must not be lost
            ends = backlog.failed(n, at, worker.name, failure_of(error)) and isinstance(policy, FailFast)
            if ends and isinstance(error, RunError):
                error.finished = error.finished or tuple(backlog.said)
            if ends:
                raise
        else:
            backlog.done(n, at, worker.name, said)
            backlog.add(more, extra=True)
        backlog.version = max(backlog.version, await Put(backlog.key, backlog.counts))
        if isinstance(policy, Quorum) and len(backlog.said) == policy.needed:
            await Send(f"{backlog.key}.enough", "")


def _more_in(said: Message) -> tuple[Message, Sequence[Job]]:
    """An answer, and the jobs that it adds.

    Raises:
        BadOutput: if it is meant to add jobs, and they are none.
    """
    given = said.output
    if given is None:
        try:
            given = parse(said.text, dict[str, Any])
        except ValueError:  # no JSON object: an answer
            return said, ()
    if (isinstance(given, dict) and "jobs" not in given) or not isinstance(given, (dict, More)):
        return said, ()
    try:
        more = given if isinstance(given, More) else msgspec.convert(given, More)
    except msgspec.ValidationError as error:
        raise BadOutput(f"{said.sender!r} adds jobs that are none: {error}", raw=said.text) from error
    return replace(said, text=more.answer, output=None), more.jobs


def _answer(backlog: Backlog, name: str, policy: Policy) -> Message:
    """What has come of all jobs, in their order.

    Raises:
        BranchesFailed: if none was done, or fewer than a quorum.
    """
    said, outcomes = backlog.said, backlog.outcomes
    lost = tuple(one.failure for one in outcomes if one.failure is not None)
    needed = policy.needed if isinstance(policy, Quorum) else min(1, len(outcomes))
    if len(said) < needed:
        why = "; ".join(map(str, lost))
        error = BranchesFailed(f"{len(said)} of {len(outcomes)} jobs were done, {needed} needed: {why}")
        error.finished = tuple(said)
        raise error
    text = "\n\n".join(one.text for one in said)
    return Message(
        sender=name, text=text, output=outcomes, parts=tuple(said), missing=(*lost, *missing_of(said))
    )
