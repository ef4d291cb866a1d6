"""Refine: draft, critique, improve, until accepted or out of rounds; the best draft is kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import Check, agrees, complaint, label
from coterie.errors import BadInput, RunError, failure_of
from coterie.kernel.values import to_plain
from coterie.patterns.answers import again, answers, missing_of
from coterie.team import Team
from coterie.words.failure import Failure, Policy, fail_fast, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread

Critic: TypeAlias = "Actor | Callable[[Message], Any]"
"""Looks at a draft. An actor answers `ok`, a complaint, or a `Review`; a predicate gives True or
None, False or a complaint, or a score."""


class Review(Struct, frozen=True):
    """What a critic makes of a draft: a score from 0 to 1, and what to mend, if anything."""

    score: Annotated[float, Meta(ge=0, le=1)]
    comment: str = ""


class Draft(Struct, frozen=True):
    """A draft, what its critics said, their mean score, and what they want mended."""

    message: Message
    reviews: tuple[Message, ...]
    missing: tuple[Failure, ...]
    score: float
    problem: str
    accepted: bool


def refine(
    author: Actor,
    *critics: Critic,
    accept: float | Check | None = None,
    rounds: int = 3,
    name: str = "refine",
    on_failure: Policy = fail_fast,
) -> Team:
    """A team in which `author` drafts, `critics` say what to mend, and `author` mends it.

    A draft is accepted if no critic complains; with a number as `accept`, if their mean score
    reaches it; with a check, if that holds. After `rounds` drafts, or if the author fails after
    the first, the answer is the draft with the best score, the newest of equals; `unverified`
    says that it was not accepted, and why. `parts` is that draft and what the critics said of it.

    Raises:
        BadInput: without rounds, or with neither critics nor a check to accept by.
    """
    if rounds < 1:
        raise BadInput(f"refine {name!r}: rounds is 1 or more, not {rounds}")
    if not critics and (accept is None or isinstance(accept, (int, float))):
        raise BadInput(f"refine {name!r} needs a critic, or a check as accept=")

    async def play(task: Task) -> Message:
        draft = best = await _reviewed(await author(task), critics, accept, conversation(task), on_failure)
        mending = task
        gave_up: tuple[Failure, ...] = ()
        for _ in range(rounds - 1):
            if draft.accepted:
                break
            mending = again(mending, draft.message, draft.problem)
            try:
                message = await author(mending)
            except RunError as error:
                gave_up = (failure_of(error),)
                break
            draft = await _reviewed(message, critics, accept, conversation(task), on_failure)
            best = draft if draft.accepted or draft.score >= best.score else best
        return _answer(best, name, gave_up)

    actors = [one for one in (author, *critics, accept) if isinstance(one, Actor)]
    by = accept if accept is None or isinstance(accept, (int, float)) else label(accept)
    settings = {"critics": [label(one) for one in critics], "accept": by, "rounds": rounds}
    settings |= {"on_failure": repr(on_failure)}
    return Team(name, actors, play, settings=settings, calls=[each(rounds, author, *critics, accept)])


def _answer(best: Draft, name: str, gave_up: Sequence[Failure]) -> Message:
    parts = (best.message, *best.reviews)
    missing = (*gave_up, *best.missing, *missing_of(parts))
    unverified = "" if best.accepted else f"not accepted: {best.problem}"
    return replace(best.message, sender=name, parts=parts, missing=missing, unverified=unverified)


async def _reviewed(
    message: Message, critics: Sequence[Critic], accept: float | Check | None, asked: Thread, policy: Policy
) -> Draft:
    """A draft with what `critics`, who are shown what was `asked`, make of it."""
    outcomes = await answers([_opinion(critic, message, asked) for critic in critics], policy)
    opinions: list[tuple[Review, Message | None]] = successes(outcomes)
    score = sum(review.score for review, _ in opinions) / (len(opinions) or 1)
    problem = "\n".join(review.comment for review, _ in opinions if review.comment)
    if isinstance(accept, (int, float)):
        accepted = score >= accept
    elif accept is None:
        accepted = not problem
    else:
        refused = await complaint(accept, message, asked)
        accepted, problem = not refused, "\n".join(filter(None, (refused, problem)))
    if not accepted and not problem:
        problem = f"the score is {score:g}, {accept} is needed"
    said = tuple(message for _, message in opinions if message is not None)
    return Draft(message, said, failures(outcomes), score, problem, accepted)


async def _opinion(critic: Critic, draft: Message, asked: Thread) -> tuple[Review, Message | None]:
    """What one critic makes of a draft, and its message if it is an actor."""
    if not isinstance(critic, Actor):
        said = critic(draft)
        verdict = await said if inspect.isawaitable(said) else said
        return _verdict(verdict, label(critic)), None
    message = await critic(Task(draft.text, asked, draft.output))
    review = _review_in(message)
    return replace(review, comment=review.comment and f"{message.sender}: {review.comment}"), message


def _review_in(message: Message) -> Review:
    """The review that a critic's message is, or stands for."""
    try:
        return convert(to_plain(message.output), Review)
    except ValidationError:  # it is no review, so its text says what is wrong
        good = agrees(message)
        return Review(float(good), "" if good else message.text)


def _verdict(said: Any, name: str) -> Review:
    if isinstance(said, str):
        return Review(float(not said), said and f"{name}: {said}")
    if said is None or isinstance(said, bool):
        return Review(float(said is not False), f"{name} does not hold" if said is False else "")
    return Review(float(said))
