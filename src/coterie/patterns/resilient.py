"""Resilient: one actor, with retries, a deadline, a breaker, a simpler task and a substitute behind it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from coterie.actor import Actor, do, within
from coterie.check import label
from coterie.errors import BadInput, CircuitOpen, CoterieError, OverLimit, RunError, failure_of
from coterie.patterns.answers import missing_of
from coterie.patterns.breaker import Breaker
from coterie.team import Team
from coterie.words.effect import Draw, Now, Sleep
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task


def _retryable(error: CoterieError) -> bool:
    return error.retryable


def resilient(
    actor: Actor,
    *,
    retries: int = 3,
    delay: float = 1.0,
    most: float = 60.0,
    timeout: float | None = None,
    breaker: Breaker | None = None,
    simplify: Callable[[Task], Task] | None = None,
    fallback: Actor | None = None,
    partial: bool = False,
    retry_on: Callable[[CoterieError], bool] = _retryable,
    name: str = "resilient",
) -> Team:
    """A team that gives the task to `actor`, and does what can be done where that fails.

    What `retry_on` says (default: errors that say they are retryable, so never a tool with consequences)
    is tried again up to `retries` times, after up to `delay`, twice that, four times that ... and at most
    `most` seconds, drawn evenly from zero ("full jitter": Brooker, "Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015). Each try has `timeout` seconds. While `breaker` is open no try is made. Then
    the task as `simplify` makes it is tried once, then `fallback` gets the task. If all of it failed,
    `partial` gives what was finished, unverified. `missing` is every failure on the way.

    Raises:
        BadInput: with a negative number of retries, or times below 0.
        RunError: when played, what the first try failed with, if nothing helped.
    """
    if retries < 0 or min(delay, most, timeout or 0) < 0:
        raise BadInput(f"resilient {name!r}: retries and seconds are 0 or more")

    async def attempt(task: Task) -> Message:
        if breaker is not None and not await do(breaker.allows, await Now()):
            raise CircuitOpen(
                f"{actor.name!r} has failed {breaker.failures} times in a row, and is left alone"
            )
        try:
            said = await (actor(task) if timeout is None else within(timeout, actor(task)))
        except Exception:  # whatever it is, the breaker has to know
            if breaker is not None:
                await do(breaker.record, False, await Now())
            raise
        if breaker is not None:
            await do(breaker.record, True, await Now())
        return said

    async def tried(task: Task, lost: list[RunError]) -> Message | None:
        """The answer of `actor`, tried as often as it may be."""
        for n in range(retries + 1):
            try:
                return await attempt(task)
            except OverLimit:
                raise
            except RunError as error:
                lost.append(error)
                if n == retries or not retry_on(error):
                    return None
            await Sleep(await Draw() * min(most, delay * 2**n))
        return None

    async def play(task: Task) -> Message:
        lost: list[RunError] = []
        said = await tried(task, lost)
        others = [(actor, simplify(task))] if said is None and simplify is not None else []
        for other, asked in [*others, *([(fallback, task)] if fallback is not None else [])]:
            if said is None:
                try:
                    said = await (attempt(asked) if other is actor else other(asked))
                except OverLimit:
                    raise
                except RunError as error:
                    lost.append(error)
        failures = tuple(failure_of(error) for error in lost)
        if said is None:
            if not partial:
                raise lost[0]
            return _partial(name, lost, failures)
        return replace(said, sender=name, parts=(said,), missing=(*failures, *missing_of((said,))))

    settings = {
        "tries": [retries, delay, most, timeout],
        "retry_on": label(retry_on),
        "simplify": simplify and label(simplify),
        "partial": partial,
        "breaker": breaker and [breaker.failures, breaker.cooldown],
    }
    return Team(name, [actor] if fallback is None else [actor, fallback], play, settings=settings)


def _partial(name: str, lost: list[RunError], failures: tuple[Failure, ...]) -> Message:
    """What was finished before everything failed."""
    done = tuple(part for error in lost for part in error.finished if isinstance(part, Message))
    text = "\n\n".join(part.text for part in done)
    why = f"only what was finished: {failures[0]}"
    return Message(sender=name, text=text, parts=done, missing=failures, unverified=why)
