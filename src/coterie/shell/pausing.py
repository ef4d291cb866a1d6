"""A pause: nothing new is begun, what is under way may settle for a while, and then the run is put away.

What only waits (for time, or for a person) is not waited for. A step that is stopped after its grace was begun and has
no end in the journal, so whoever resumes the run treats it as after a crash: models are asked again, and a tool
with consequences is in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from coterie.words.effect import Ask, Sleep
from coterie.words.event import Asked, Signalled

GRACE = 30.0
"""Seconds for what is under way, unless a pause says otherwise."""


def pause_of(reason: str, grace: float) -> Signalled:
    """The signal that asks a run to pause."""
    return Signalled("pause", reason, grace)


class Pause:
    """Whether a run is to be put away, and how long what is under way may still take."""

    __slots__ = ("_idle", "_timer", "asked", "over")

    def __init__(self) -> None:
        self.asked = False
        """No more is to be begun."""
        self.over = False
        """What is under way has had its time."""
        self._idle: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begun(self, ask: Asked) -> None:
        """Take note of a step that is begun."""
        if isinstance(ask.effect, (Sleep, Ask)):
            self._idle.add(ask.path)

    def of(self, asked: list[Asked]) -> list[Asked]:
        """What is begun of all that is wanted. In a pause nothing is, nor written: whoever resumes the run is asked."""
        return [] if self.asked else asked

    def idle(self, paths: Iterable[str]) -> list[str]:
        """Those of the steps under way that only wait."""
        return [path for path in paths if path in self._idle]

    def start(self, grace: Any, late: Callable[[], object]) -> None:
        """Begin the grace; `late` is called when it is over."""
        if self._timer is None:
            seconds = float(grace) if isinstance(grace, (int, float)) else GRACE
            self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._late, late)

    def stop(self) -> None:
        """Let go of the clock."""
        if self._timer is not None:
            self._timer.cancel()

    def _late(self, late: Callable[[], object]) -> None:
        self.over = True
        late()
