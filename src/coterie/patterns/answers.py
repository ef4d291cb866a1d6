"""Asking members, and asking again: what the patterns share."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeVar

from coterie.actor import gather, race, within
from coterie.agent import conversation
from coterie.errors import BranchesFailed, Late
from coterie.words.failure import BestEffort, Failure, Policy, Quorum, failures
from coterie.words.message import Message
from coterie.words.task import Task

T = TypeVar("T")


async def answers(parts: Iterable[Awaitable[T]], on_failure: Policy) -> list[T | Failure]:
    """What each of `parts` came to, in declared order; a failure where one did not answer.

    Raises:
        BranchesFailed: if nobody answered, or fewer than a quorum.
        Exception: under `fail_fast`, the first error.
    """
    outcomes: list[T | Failure] = [*await gather(*parts, on_failure=on_failure)]
    missing = failures(outcomes)
    if outcomes and len(missing) == len(outcomes):
        why = "; ".join(map(str, missing))
        raise BranchesFailed(f"none of {len(outcomes)} answered: {why}")
    return outcomes


async def under(policy: Policy, crew: Sequence[Awaitable[None]], enough: Awaitable[object]) -> Failure | None:
    """Let all of `crew` work for as long as `policy` wants; what is to be said of what they left undone.

    Under a quorum, they are closed when there is `enough`; under `best_effort`, when the time is up.
    """
    if isinstance(policy, Quorum):
        await race(_all(crew), enough)
        return Failure(kind="Skipped", message="closed: the others were enough")
    if isinstance(policy, BestEffort):
        try:
            await within(policy.within, gather(*crew))
        except Late:
            return Failure(kind="Late", message=f"did not end within {policy.within:g} s")
    else:
        await gather(*crew)
    return None


async def _all(crew: Sequence[Awaitable[None]]) -> None:
    await gather(*crew)


def missing_of(messages: Iterable[Message]) -> tuple[Failure, ...]:
    """Who did not answer below any of `messages`."""
    return tuple(failure for message in messages for failure in message.missing)


def again(task: Task, said: Message, problem: str) -> Task:
    """`task` once more, after `said` was found wanting: the next turn of the same conversation."""
    text = f"That cannot be used yet: {problem}\nAnswer again in full, and mend just that."
    return Task(text, conversation(task).add(said), task.data)
