"""Circuit breakers: what has failed too often is left alone for a while (Nygard, "Release It!", 2007).

| state | a call | success | failure |
|---|---|---|---|
| closed | goes through | counts from zero again | the `failures`-th in a row opens |
| open | is refused; after `cooldown` seconds the next one is a trial | - | - |
| half-open | is refused, while a trial is under way | closes | opens again |

A breaker belongs to what it protects and is shared by all runs of a process. A play asks it by journaled
steps, so a replay asks nothing. A step that a crash interrupts is repeated: at worst a failure counts twice.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, TypeVar

from coterie.actor import do
from coterie.errors import BadInput, CircuitOpen, OverLimit
from coterie.tool import Tool
from coterie.words.effect import Now

T = TypeVar("T")

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Refuses calls after `failures` in a row, and lets one through after each `cooldown` seconds."""

    def __init__(self, *, failures: int = 5, cooldown: float = 30.0) -> None:
        if failures < 1 or cooldown < 0:
            raise BadInput("a breaker takes 1 failure or more, and a cooldown of 0 seconds or more")
        self.failures = failures
        self.cooldown = cooldown
        self._failed: list[float] = []
        self._trials: list[float] = []
        self._allows = Tool(self.allows, name="allows", idempotent=True, trusted=True)
        self._record = Tool(self.record, name="record", idempotent=True, trusted=True)
        # Runs of several threads may share a breaker: each step on these two lists is one atomic one.

    @property
    def state(self) -> State:
        """Where it stands."""
        if len(self._failed) < self.failures:
            return "closed"
        return "open" if self._trials else "half-open"

    async def guard(self, work: Awaitable[T], what: str) -> T:
        """The value of `work`, an actor's call or a join, if the breaker lets it through; it is told how it went.

        A limit that is reached says nothing about `what`, and does not count.

        Raises:
            CircuitOpen: if it does not let it through; `work` is not begun.
        """
        if not await do(self._allows, await Now()):
            raise CircuitOpen(f"{what!r} has failed {self.failures} times in a row, and is left alone")
        try:
            value = await work
        except OverLimit:
            raise
        except Exception:  # whatever it is, the breaker has to know
            await do(self._record, False, await Now())
            raise
        await do(self._record, True, await Now())
        return value

    async def allows(self, now: float) -> bool:
        """Whether a call may be made at `now`, in seconds; one that may has to be followed by `record`."""
        if len(self._failed) < self.failures:
            return True
        try:
            since = self._trials.pop()  # whoever gets it decides: there is one trial at a time
        except IndexError:
            # A trial whose run died is never recorded: after another cooldown somebody may try again.
            if now - self._failed[-1] < 2 * self.cooldown:
                return False
            self._failed.append(now)
            return True
        if now - since >= self.cooldown:
            return True
        self._trials.append(since)
        return False

    async def record(self, good: bool, now: float) -> State:
        """Take how a call went; gives the state that the breaker is in then."""
        if good:
            self._failed.clear()
            self._trials.clear()
        else:
            self._failed.append(now)
            if len(self._failed) >= self.failures:
                self._trials[:] = [now]
        return self.state
