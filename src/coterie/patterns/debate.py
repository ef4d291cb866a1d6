"""Debate: opening positions, rounds in which each sees the others' latest, and a judge's verdict."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import agrees, label
from coterie.errors import BadInput
from coterie.patterns.answers import answers, missing_of
from coterie.team import Team
from coterie.words.failure import Failure, Policy, fail_fast, failures
from coterie.words.message import Message
from coterie.words.task import Task

Stop: TypeAlias = "Callable[[Sequence[Message]], bool | Awaitable[bool]] | Actor"
"""Says whether enough was said: a predicate on it, or an actor that reads all of it and answers `yes`."""

RESPOND = "Round {n}: answer the others, then give your position."
JUDGE = "The debate is over. Give your verdict."
AGREE = "Do the latest positions agree? Answer yes or no."


def debate(
    *debaters: Actor,
    judge: Actor,
    rounds: int = 2,
    stop: Stop | None = None,
    name: str = "debate",
    on_failure: Policy = fail_fast,
) -> Team:
    """A team whose `debaters` state a position, answer one another for `rounds` rounds, and are judged.

    All positions of a round are made from the same transcript, which ends with the round before.
    Each prompt is the transcript so far, so prompts grow by one message a position. `stop` is
    asked after the opening and each round but the last. Who misses a round is asked again in the
    next one. `parts` is the latest position of each debater; `missing` who missed the last round.

    Raises:
        BadInput: without debaters, or with a negative number of rounds.
    """
    if not debaters or rounds < 0:
        raise BadInput(f"debate {name!r} needs at least one debater, and rounds of 0 or more")

    async def play(task: Task) -> Message:
        latest: dict[int, Message] = {}
        outcomes: list[Message | Failure] = []
        so_far, text = task.context, task.text
        for n in range(rounds + 1):
            asked = Task(text, so_far, task.data)
            outcomes = await answers([debater(asked) for debater in debaters], on_failure)
            said = {at: one for at, one in enumerate(outcomes) if not isinstance(one, Failure)}
            latest |= said
            so_far, text = conversation(asked).add(*said.values()), RESPOND.format(n=n + 1)
            if (
                n < rounds
                and stop is not None
                and await stopped(stop, Task(AGREE, so_far), _in_order(latest))
            ):
                break
        verdict = await judge(Task(JUDGE, so_far, task.data))
        positions = _in_order(latest)
        missing = (*failures(outcomes), *missing_of((*positions, verdict)))
        return replace(verdict, sender=name, parts=positions, missing=missing)

    actors = (*debaters, judge, stop) if isinstance(stop, Actor) else (*debaters, judge)
    settings = {"rounds": rounds, "stop": stop and label(stop), "on_failure": repr(on_failure)}
    return Team(
        name,
        actors,
        play,
        settings=settings,
        calls=[each(rounds + 1, *debaters), each(1, judge), each(rounds, stop)],
    )


def agreed(positions: Sequence[Message]) -> bool:
    """Whether all positions are the same: one output, or one text but for case and white space."""
    if all(position.output is not None for position in positions):
        return all(position.output == positions[0].output for position in positions)
    return len({" ".join(position.text.lower().split()) for position in positions}) <= 1


def _in_order(latest: dict[int, Message]) -> tuple[Message, ...]:
    return tuple(latest[at] for at in sorted(latest))


async def stopped(stop: Stop, question: Task, said: Sequence[Message]) -> bool:
    """Whether `stop` says that what was `said` is enough; an actor is asked the `question`."""
    if isinstance(stop, Actor):
        return agrees(await stop(question))
    over = stop(said)
    return await over if inspect.isawaitable(over) else over
