"""Circuit breakers: what has failed too often is left alone for a while (Nygard, "Release It!", 2007).

| state | a call | success | failure |
|---|---|---|---|
| closed | goes through | counts from zero again | the `failures`-th in a row opens |
| open | is refused; after `cooldown` seconds the next one is a trial | - | - |
| half-open | is refused, while a trial is under way | closes | opens again |

A breaker belongs to what it protects and is shared by all runs of a process. A play asks it by journaled
steps, so a replay asks nothing.
"""

from __future__ import annotations

from threading import Lock
from typing import Literal

from coterie.errors import BadInput

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Refuses calls after `failures` in a row, and lets one through after each `cooldown` seconds."""

    def __init__(self, *, failures: int = 5, cooldown: float = 30.0) -> None:
        if failures < 1 or cooldown < 0:
            raise BadInput("a breaker takes 1 failure or more, and a cooldown of 0 seconds or more")
        self.failures = failures
        self.cooldown = cooldown
        self.state: State = "closed"
        self._failed = 0
        self._since = 0.0
        self._lock = Lock()

    async def allows(self, now: float) -> bool:
        """Whether a call may be made at `now`, in seconds; one that may has to be followed by `record`."""
        with self._lock:
            if self.state != "closed" and now - self._since < self.cooldown:
                return False
            if self.state != "closed":
                self.state, self._since = "half-open", now
            return True

    async def record(self, good: bool, now: float) -> str:
        """Take how a call went; gives the state that the breaker is in then."""
        with self._lock:
            self._failed = 0 if good else self._failed + 1
            if good:
                self.state = "closed"
            elif self.state == "half-open" or self._failed >= self.failures:
                self.state, self._since = "open", now
            return self.state
