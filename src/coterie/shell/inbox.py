"""The inbox of a run: what has arrived from the world and from outside, and whom that wakes or interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from coterie.kernel.replay import STOPS
from coterie.ports import DROPPED
from coterie.shell.pausing import Pause
from coterie.words.effect import Ask, Sleep, Take
from coterie.words.event import Asked, Event, Signalled


class Inbox:
    """Takes events in the order in which they arrive, for one task that looks at them in bursts."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._arrived: list[Event] = []
        self._came: list[int] = []
        self._heard: list[int] = []
        self._waker: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._alone: Asked | None = None
        """The one thing that the task does by itself now."""
        self._interrupted = False
        self._pause = Pause(clock)
        self._attending = True

    @property
    def attending(self) -> bool:
        """Whether what is said to the run is heard; at its end, and while it is being parked, it is not."""
        return self._attending

    def parks(self, seconds: float | None, known: float | None) -> None:
        """Have the run leave memory where it waits so long; its journal says already that it is due at `known`."""
        self._pause.parks, self._pause.known = seconds, known

    def rests(self, path: str) -> None:
        """Take note that a step only waits for another run now: perhaps that is all there is to do."""
        self._pause.rests(path)
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def arrive(self, event: Event) -> None:
        """Take something from the world or from outside."""
        self._arrived.append(event)
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)
        elif self._alone is not None and type(event) is Signalled:
            if event.kind in STOPS:
                self._break_off(DROPPED)
            elif event.kind == "pause" and type(self._alone.effect) in (Sleep, Ask, Take):
                self._break_off()
            elif event.kind == "pause":
                self._pause.start(event.value, self._break_off)

    def _break_off(self, why: str | None = None) -> None:
        """Stop the one thing that is done here, or wake who waits for several; `why` is `DROPPED`, or nothing."""
        if self._alone is not None and self._task is not None:
            self._interrupted = True
            self._task.cancel(why)
        elif self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def _wake(self) -> None:
        """Wait until something arrives."""
        self._waker = asyncio.get_running_loop().create_future()
        await self._waker
        self._waker = None

    def _taken(self) -> list[Event]:
        """What has arrived since the last look; it is in the next burst."""
        events, self._arrived = self._arrived, []
        if self._came:
            self._heard += self._came
            self._came = []
        return events

    def _told(self) -> list[int]:
        """The signals of the store of which the burst tells that is to be written now."""
        if not self._heard:
            return self._heard
        heard, self._heard = self._heard, []
        return heard
