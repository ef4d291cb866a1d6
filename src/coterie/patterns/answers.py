"""Asking members, and asking again: what the patterns share."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TypeVar

from coterie.actor import gather
from coterie.agent import conversation
from coterie.errors import BranchesFailed
from coterie.words.failure import Failure, Policy, failures
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


def missing_of(messages: Iterable[Message]) -> tuple[Failure, ...]:
    """Who did not answer below any of `messages`."""
    return tuple(failure for message in messages for failure in message.missing)


def again(task: Task, said: Message, problem: str) -> Task:
    """`task` once more, after `said` was found wanting: the next turn of the same conversation."""
    text = f"That cannot be used yet: {problem}\nAnswer again in full, and mend just that."
    return Task(text, conversation(task).add(said), task.data)
