"""Resilient: one actor, with retries, a deadline, a breaker, a simpler task and a substitute behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from coterie.actor import Actor, within
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput, CoterieError, OverLimit, RunError, failure_of
from coterie.patterns.breaker import Breaker
from coterie.team import Team
from coterie.words.effect import Acted, Draw, Sleep
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

    What `retry_on` says (default: errors that say they are retryable) is tried again up to `retries` times,
    after up to `delay`, twice that, four times that ... and at most `most` seconds, drawn evenly from zero
    ("full jitter": Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015); where a provider
    says after how long, that is kept. Each try has `timeout` seconds. While `breaker` is open no try is made.
    Then the task as `simplify` makes it is tried once, then `fallback` gets the task. Once a tool that is
    not idempotent was begun, `actor` is not tried again in any way. If all of it failed, `partial` gives
    what was finished, unverified. `missing` is every failure on the way.

    Raises:
        BadInput: with a negative number of retries, or times below 0.
        RunError: when played, what the first try failed with, if nothing helped.
    """
    if retries < 0 or min(delay, most, timeout or 0) < 0:
        raise BadInput(f"resilient {name!r}: retries and seconds are 0 or more")

    async def play(task: Task) -> Message:
        said, lost = None, list[RunError]()
        for n in range(retries + 1):
            said = await _kept(attempt(task), lost)
            if said is not None or await Acted() or not retry_on(lost[-1]):
                break
            if n < retries:
                await Sleep(_pause(await Draw(), lost[-1].retry_after, min(most, delay * 2**n)))
        if said is None and simplify is not None and not await Acted():
            said = await _kept(attempt(simplify(task)), lost)
        if said is None and fallback is not None:
            said = await _kept(fallback(task), lost)
        if said is not None:
            return replace(said, sender=name, parts=(said,), missing=(*map(failure_of, lost), *said.missing))
        if partial:
            return _partial(name, lost)
        raise lost[0]

    def attempt(task: Task) -> Awaitable[Message]:
        """One try, within its time and as the breaker allows."""
        call = actor(task) if timeout is None else within(timeout, actor(task))
        return call if breaker is None else breaker.guard(call, actor.name)

    settings = {
        "tries": [retries, delay, most, timeout],
        "retry_on": label(retry_on),
        "simplify": simplify and label(simplify),
        "partial": partial,
        "breaker": breaker and [breaker.failures, breaker.cooldown],
    }
    return Team(
        name,
        [actor] if fallback is None else [actor, fallback],
        play,
        settings=settings,
        calls=[each(retries + (1 if simplify is None else 2), actor), each(1, fallback)],
    )


async def _kept(call: Awaitable[Message], lost: list[RunError]) -> Message | None:
    """The answer of `call`; if it fails, None, and the error is kept in `lost`."""
    try:
        return await call
    except OverLimit:  # a limit that is reached is reached for every other try too
        raise
    except RunError as error:
        lost.append(error)
        return None


def _pause(drawn: float, asked: float, most: float) -> float:
    """Seconds before the next try: as long as a provider asked for and up to a tenth more, or up to `most`."""
    return asked * (1 + drawn / 10) if asked else drawn * most


def _partial(name: str, lost: list[RunError]) -> Message:
    """What was finished before everything failed."""
    done = tuple(part for error in lost for part in error.finished if isinstance(part, Message))
    text = "\n\n".join(part.text for part in done)
    failures = tuple(map(failure_of, lost))
    why = f"only what was finished: {failures[0]}"
    return Message(sender=name, text=text, parts=done, missing=failures, unverified=why)
