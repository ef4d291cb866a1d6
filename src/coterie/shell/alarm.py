"""The alarm: has runs gone on with whose time has come.

Theory of operation
===================

1. A run that only waits is a row that says when it is due. Whoever looks next after that is handed it; if nothing
   comes of it, it is handed out once more after a while. So any number of processes may look.
2. The store decides what is due. An alarm that is late, or rings twice, delays a run or costs a look at it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Protocol

from coterie.errors import CoterieError

LOOK = 0.5
"""Seconds between two looks at what is due."""


class Rung(Protocol):
    """Something with runs that may be due."""

    async def ring(self) -> int:
        """Have every run gone on with whose time has come; how many they are."""
        ...


class Alarm:
    """Rings whatever `rung` gives, again and again, until it is closed."""

    def __init__(self, rung: Callable[[], Iterable[Rung]], every: float = LOOK) -> None:
        self._rung = rung
        self._every = every
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """Ring no more."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _keep(self) -> None:
        while True:
            for one in list(self._rung()):
                with contextlib.suppress(CoterieError):  # a store that fails now is asked again soon
                    await one.ring()
            await asyncio.sleep(self._every)
