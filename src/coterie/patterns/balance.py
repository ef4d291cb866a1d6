"""Balance: calls are spread over several members that can all do the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.calls import together
from coterie.errors import BadInput, NobodyCan, OverLimit, RunError, failure_of
from coterie.patterns.answers import missing_of
from coterie.patterns.crew import meeting
from coterie.team import Team
from coterie.words.effect import Get, Put
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task


class Member(Struct):
    """How one member does in this run: calls under way and made, failures, and its turn by weight."""

    weight: float = 1.0
    under_way: int = 0
    calls: int = 0
    failures: int = 0
    current: float = 0.0

    @property
    def health(self) -> float:
        """The share of its calls that went well, with one good call given in advance."""
        return (self.calls - self.failures + 1) / (self.calls + 1)


def _round_robin(members: Sequence[Member], left: Sequence[int]) -> int:
    return min(left, key=lambda at: (members[at].calls, at))


def _least_loaded(members: Sequence[Member], left: Sequence[int]) -> int:
    return min(left, key=lambda at: (members[at].under_way, members[at].calls, at))


def _weighted(members: Sequence[Member], left: Sequence[int]) -> int:
    """Smooth weighted round-robin, as in nginx 1.3.1 (2012): no member gets its share in a burst."""
    for at in left:
        members[at].current += members[at].weight
    best = max(left, key=lambda at: (members[at].current, -at))
    members[best].current -= sum(members[at].weight for at in left)
    return best


def _healthiest(members: Sequence[Member], left: Sequence[int]) -> int:
    return max(left, key=lambda at: (members[at].health, -members[at].under_way, -members[at].calls, -at))


BY: dict[str, Callable[[Sequence[Member], Sequence[int]], int]] = {
    "round_robin": _round_robin,
    "least_loaded": _least_loaded,
    "weighted": _weighted,
    "healthiest": _healthiest,
}
"""The ways to choose: from all members and the numbers of those that are left, one number."""


def balance(
    *actors: Actor,
    by: str = "round_robin",
    weights: Sequence[float] | None = None,
    tries: int | None = None,
    name: str = "balance",
) -> Team:
    """A team that gives each task to one of `actors`, chosen `by` turn, load, weight or health.

    `round_robin` takes turns, `least_loaded` prefers who has fewest calls under way, `weighted` gives
    each its share of `weights`, `healthiest` prefers whose calls went well; ties go to the first declared.
    All calls in one run count together. Who fails is passed over for another, up to `tries` members
    (default: all). `parts` is the answer; `missing` is who failed before.

    Raises:
        BadInput: without actors, with another `by`, tries below 1, or weights that do not fit.
        NobodyCan: when played, if all who were tried failed.
    """
    shares = [1.0] * len(actors) if weights is None else [*weights]
    if not actors or by not in BY or (tries is not None and tries < 1):
        raise BadInput(f"balance {name!r} needs actors, by= one of {list(BY)}, and tries of 1 or more")
    if len(shares) != len(actors) or min(shares) <= 0:
        raise BadInput(f"balance {name!r}: weights are one number above 0 for each actor")

    key = meeting("balance", name, actors)

    async def play(task: Task) -> Message:
        members, left, lost = await _members(key, shares), [*range(len(actors))], list[Failure]()
        for _ in range(tries or len(actors)):
            if not left:
                break
            at = BY[by](members, left)
            left.remove(at)
            try:
                said = await _called(actors[at], members[at], task)
            except OverLimit:
                raise
            except RunError as error:
                lost.append(failure_of(error))
                continue
            return replace(said, sender=name, parts=(said,), missing=(*lost, *missing_of((said,))))
        raise NobodyCan(f"balance {name!r}: {'; '.join(map(str, lost))}")

    return Team(
        name,
        actors,
        play,
        settings={"by": by, "weights": shares, "tries": tries},
        calls=[together(tries or len(actors), *actors)],
    )


async def _members(key: str, weights: Sequence[float]) -> list[Member]:
    """The members as this run knows them: one list on the board, which all calls share."""
    entry = await Get(key)
    if entry.version:
        kept: list[Member] = entry.value
        return kept
    fresh: Any = [Member(weight) for weight in weights]
    await Put(key, fresh, 0)
    made: list[Member] = (await Get(key)).value
    return made


async def _called(actor: Actor, member: Member, task: Task) -> Message:
    """The answer of one member; its load is given back however the call ends."""
    member.under_way += 1
    member.calls += 1
    try:
        return await actor(task)
    except RunError:
        member.failures += 1
        raise
    finally:
        member.under_way -= 1
