"""Knowing at once that a run is stuck or wrong, and saying so usefully."""

from __future__ import annotations

from typing import Any

from coterie.errors import Deadlock, ForeignAwait, NoProgress, PlayError
from coterie.kernel.frames import Frame, Strand
from coterie.words.effect import Claim, Effect, Hear, Mark, Send, Watch


def deadlock(top: Strand) -> Deadlock:
    """The error that names every wait below `top`."""
    waits = "; ".join(_waits(top)) or "nothing"
    return Deadlock(
        f"every strand waits and nothing is under way: {waits}. "
        "Send what is waited for, or put a deadline around it with within()",
        path=top.frame.path,
    )


def _waits(strand: Strand) -> list[str]:
    if strand.join is not None:
        return [wait for branch in strand.join.strands if not branch.closed for wait in _waits(branch)]
    match strand.wait:
        case Hear(topic=topic):
            return [f"{strand.frame.path!r} hears on {topic!r}"]
        case Claim(resource=resource):
            return [f"{strand.frame.path!r} waits for {resource!r}"]
        case Send(topic=topic):
            return [f"{strand.frame.path!r} sends on {topic!r}, which is full"]
        case Watch(key=key, after=after):
            return [f"{strand.frame.path!r} watches {key!r} for a version above {after}"]
        case _:
            return []


def repeated(frame: Frame, mark: Mark) -> None:
    """Count a mark of `frame`.

    Raises:
        NoProgress: at the `mark.limit`-th time the same state is marked, naming the cycle.
    """
    marks = frame.marks
    if marks is None:
        marks = frame.marks = []
    marks.append(mark.state)
    if marks.count(mark.state) < mark.limit:
        return
    last = len(marks) - 1
    before = last - 1 - marks[last - 1 :: -1].index(mark.state)
    cycle = " -> ".join(marks[before : last + 1])
    raise NoProgress(f"the same state {mark.limit} times: {cycle}", path=frame.path)


def effect_of(frame: Frame, thing: Any) -> Effect[Any]:
    """What a play awaits, if it is an effect.

    Raises:
        ForeignAwait: if it is not.
    """
    if issubclass(thing.__class__, Effect):
        effect: Effect[Any] = thing
        return effect
    kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
    raise ForeignAwait(
        f"awaited {kind}, which is not an effect. In a play, write Sleep for asyncio.sleep, gather() for "
        "asyncio.gather, within() for asyncio.timeout, and await do(function, ...) for anything else",
        path=frame.path,
    )


def not_a_message(frame: Frame, value: Any) -> PlayError:
    """The error for a play that returns something else than a message."""
    return PlayError(
        f"actor {frame.name!r} returned {type(value).__name__}; a play returns a Message or a str",
        path=frame.path,
    )
