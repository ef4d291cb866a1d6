"""How work fails, as data, and what a join does about it."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class Failure(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Why somebody did not answer; a value that is never mistaken for an answer.

    `kind` is the name of the error's class, `path` where in the run it was raised,
    `raw` the text that could not be used, where there was one. `retry_after` is how many seconds
    somebody asked to wait before another try.
    """

    kind: str
    message: str
    path: str = ""
    raw: str = ""
    retryable: bool = False
    retry_after: float = 0.0

    def __str__(self) -> str:
        where = f" at {self.path!r}" if self.path else ""
        return f"{self.kind}{where}: {self.message}"


class Policy(Struct, frozen=True, tag=True):
    """What a join of several branches does when some of them fail."""

    name: ClassVar[str] = "policy"


class FailFast(Policy, frozen=True, tag=True):
    """The first failure closes the other branches and is raised; what was finished rides on it."""

    name: ClassVar[str] = "fail_fast"


class CollectAll(Policy, frozen=True, tag=True):
    """Every branch runs to its end; failures stand in the result beside the successes."""

    name: ClassVar[str] = "collect_all"


class Quorum(Policy, frozen=True, tag=True):
    """`needed` successes are enough: the rest is closed. Fewer are a failure, as soon as that is certain."""

    name: ClassVar[str] = "quorum"
    needed: int


class BestEffort(Policy, frozen=True, tag=True):
    """Whatever is there after `within` seconds is the result; the rest is closed as late."""

    name: ClassVar[str] = "best_effort"
    within: float


fail_fast = FailFast()
collect_all = CollectAll()


def quorum(needed: int) -> Quorum:
    """The policy that is content with `needed` successes.

    Raises:
        ValueError: if that is less than 1.
    """
    if needed < 1:
        raise ValueError(f"a quorum needs at least 1, not {needed}")
    return Quorum(needed)


def best_effort(*, within: float) -> BestEffort:
    """The policy that takes what is there after `within` seconds.

    Raises:
        ValueError: if that is less than 0.
    """
    if within < 0:
        raise ValueError(f"best_effort waits 0 seconds or more, not {within}")
    return BestEffort(within)


def failures(outcomes: list[Any]) -> tuple[Failure, ...]:
    """The failures among the outcomes of a join, in declared order."""
    return tuple([outcome for outcome in outcomes if type(outcome) is Failure])


def successes(outcomes: list[Any]) -> list[Any]:
    """The outcomes of a join that are not failures, in declared order."""
    return [outcome for outcome in outcomes if type(outcome) is not Failure]
