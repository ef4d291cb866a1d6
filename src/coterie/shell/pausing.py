"""Pauses and parking: what only waits needs nobody to perform it.

A pause: nothing new is begun, what is under way may settle for a while, and then the run is put away.

What only waits (for time, or for a person) is not waited for. A step that is stopped after its grace was begun and has
no end in the journal, so whoever resumes the run treats it as after a crash: models are asked again, and a tool
with consequences is in doubt.

Parking: a run that waits for nothing but time, and for long enough, leaves memory; it is due when the first of its
times has come.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from typing import Any

from coterie.words.effect import Ask, Sleep, Take
from coterie.words.event import Asked, Signalled
from coterie.words.start import Start

GRACE = 30.0
"""Seconds for what is under way, unless a pause says otherwise."""
CHILD = 60.0
"""Seconds after which a run that is away looks for a child of which it has heard nothing."""
PARK = 10.0
"""Seconds of waiting for which it is worth leaving memory."""


def pause_of(reason: str, grace: float) -> Signalled:
    """The signal that asks a run to pause."""
    return Signalled("pause", reason, grace)


class Pause:
    """Whether a run is to be put away, and how long what is under way may still take."""

    __slots__ = ("_hears", "_idle", "_since", "_timer", "asked", "clock", "known", "over", "parks", "wake")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.parks: float | None = None
        """Seconds of waiting from which the run leaves memory; None where nobody would bring it back."""
        self.wake: float | None = None
        """When the run is due again, if it has left memory until then."""
        self.known: float | None = None
        """When it is due by its journal."""
        self.asked = False
        """No more is to be begun, nor written: whoever resumes the run is asked."""
        self.over = False
        """What is under way has had its time."""
        self._hears: set[str] = set()
        self._idle: dict[str, float] = {}
        self._since: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begun(self, ask: Asked, since: float | None) -> None:
        """Take note of a step that is begun, or was begun at `since` before the run was gone on with."""
        effect = ask.effect
        if type(effect) is Sleep:
            self._idle[ask.path] = (self.clock() if since is None else since) + effect.seconds
        elif type(effect) is Ask:
            self._idle[ask.path] = math.inf
        elif isinstance(effect, Take):
            self._hears.add(ask.path)
        elif type(effect) is Start:
            self._since[ask.path] = self.clock() if since is None else since

    def rests(self, path: str) -> None:
        """Take note that a step waits for another run from now on, which says so when it has ended.

        Should nobody say so, it is looked for after `CHILD` seconds, and then ever more rarely.
        """
        now = self.clock()
        self._idle[path] = now + max(CHILD, now - self._since.get(path, now))

    def may_park(self, ask: Asked) -> bool:
        """Whether the run may leave memory while it waits for a step."""
        return self.parks is not None and type(ask.effect) in (Sleep, Start)

    def news(self) -> float | None:
        """When the run is due again, if its journal does not say so yet."""
        return None if self.wake == self.known else self.wake

    def long(self, jobs: Collection[str]) -> bool:
        """Whether a run has nothing to do but to wait, for long enough to leave memory; `wake` is until when."""
        if self.parks is None or not all(path in self._idle for path in jobs):
            return False
        due = min(self._idle[path] for path in jobs)
        if due - self.clock() < self.parks:
            return False
        self.wake = due
        return True

    def idle(self, paths: Collection[str]) -> list[str]:
        """Those of the steps under way that only wait."""
        return [path for path in paths if path in self._idle or path in self._hears]

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
