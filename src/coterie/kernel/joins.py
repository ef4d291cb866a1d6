"""Joins: when several strands are one step, and what their ends add up to.

A join is decided by its policy, once. Each branch ends in exactly one state: it succeeded, it
failed, or it was closed because nobody waits for it any more.

| rule            | decided when                                | gives                              |
|-----------------|---------------------------------------------|------------------------------------|
| `fail_fast`     | all succeeded, or one failed                | all values, or the first error     |
| `collect_all`   | all ended                                   | values and failures                |
| `quorum(k)`     | k succeeded, or k no longer can             | values and failures, or an error   |
| `best_effort`   | all ended, or the time is up                | values and failures                |
| `ANY`           | one succeeded, or all failed                | that value, or an error            |
| `RACE`          | one ended                                   | that value, or its error           |
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import TYPE_CHECKING, Any

from coterie.errors import BranchesFailed, Late, RunError, failure_of
from coterie.words.failure import BestEffort, CollectAll, FailFast, Failure, Policy, Quorum, successes

if TYPE_CHECKING:
    from coterie.kernel.frames import Strand


class FirstGood(Policy, frozen=True):
    """The first success decides."""


class Race(Policy, frozen=True):
    """The first end decides, good or bad."""


ANY, RACE = FirstGood(), Race()
OPEN: Any = object()
"""Stands where a branch has not ended yet."""


class Join:
    """Several awaitables as one; awaiting it gives what the policy makes of their ends."""

    __slots__ = ("errors", "left", "outcomes", "parts", "policy", "seconds", "strands", "waiter")

    def __init__(self, parts: Sequence[Any], policy: Policy, seconds: float | None = None) -> None:
        self.parts = parts
        self.policy = policy
        self.seconds = policy.within if isinstance(policy, BestEffort) else seconds
        self.left = len(parts)
        self.outcomes: list[Any] = [OPEN] * self.left
        self.errors: list[Exception] = []
        self.strands: list[Strand] = []
        self.waiter: Strand | None = None

    def __await__(self) -> Generator[Join, Any, Any]:
        return (yield self)

    def forgo(self) -> None:
        """Close what it would have run; nobody will await it any more."""
        for part in self.parts:
            if isinstance(part, Join):
                part.forgo()
            elif isinstance(part, Coroutine):
                part.close()

    @property
    def good(self) -> int:
        """How many branches succeeded."""
        return len(self.parts) - self.left - len(self.errors)

    def succeed(self, slot: int, value: Any) -> bool:
        """Take a branch's value; whether the join is decided now."""
        self.left -= 1
        self.outcomes[slot] = value
        return self.left == 0 or _DECIDED[type(self.policy)](self)

    def fail(self, slot: int, error: Exception, path: str) -> bool:
        """Take a branch's error; whether the join is decided now."""
        self.left -= 1
        self.outcomes[slot] = failure_of(error, path)
        self.errors.append(error)
        return self.left == 0 or _DECIDED[type(self.policy)](self)

    def result(self) -> Any:
        """What the policy makes of the ends so far; raises what it makes an error of."""
        return _RESULT[type(self.policy)](self)


def _never(_: Join) -> bool:
    return False


def _one_failed(join: Join) -> bool:
    return bool(join.errors)


def _quorum_known(join: Join) -> bool:
    needed = join.policy.needed if isinstance(join.policy, Quorum) else 0
    return join.good >= needed or join.good + join.left < needed


def _one_good(join: Join) -> bool:
    return join.good > 0


def _always(_: Join) -> bool:
    return True


def _all_or_error(join: Join) -> list[Any]:
    if join.errors:
        _carry(join, join.errors[0])
    if join.left:  # a deadline passed
        _carry(join, Late(f"{join.left} of {len(join.parts)} did not end within {join.seconds:g} s"))
    return join.outcomes


def _everything(join: Join) -> list[Any]:
    return [_closed(join) if outcome is OPEN else outcome for outcome in join.outcomes]


def _enough(join: Join) -> list[Any]:
    needed = join.policy.needed if isinstance(join.policy, Quorum) else 0
    if join.good < needed:
        _carry(join, BranchesFailed(f"{join.good} of {len(join.parts)} succeeded, {needed} needed"))
    return _everything(join)


def _winner(join: Join) -> Any:
    good = [value for value in successes(join.outcomes) if value is not OPEN]
    if not good:
        _carry(join, BranchesFailed(f"none of {len(join.parts)} succeeded"))
    return good[0]


def _first_end(join: Join) -> Any:
    if join.left == len(join.parts):
        raise Late(f"did not end within {join.seconds:g} s")
    if join.errors:
        raise join.errors[0]
    return _winner(join)


def _closed(join: Join) -> Failure:
    if isinstance(join.policy, BestEffort):
        return Failure(kind="Late", message=f"did not end within {join.policy.within:g} s")
    return Failure(kind="Skipped", message="closed: the others were enough")


def _carry(join: Join, error: Exception) -> None:
    """Raise `error` with what was finished on it, caused by the first failure."""
    if isinstance(error, RunError) and not error.finished:
        error.finished = tuple(v for v in successes(join.outcomes) if v is not OPEN)
    if join.errors and error is not join.errors[0]:
        raise error from join.errors[0]
    raise error


_DECIDED: dict[type[Policy], Callable[[Join], bool]] = {
    FailFast: _one_failed,
    CollectAll: _never,
    Quorum: _quorum_known,
    BestEffort: _never,
    FirstGood: _one_good,
    Race: _always,
}
_RESULT: dict[type[Policy], Callable[[Join], Any]] = {
    FailFast: _all_or_error,
    CollectAll: _everything,
    Quorum: _enough,
    BestEffort: _everything,
    FirstGood: _winner,
    Race: _first_end,
}
