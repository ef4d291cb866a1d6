"""An event loop in virtual time: where nothing is left to do but wait, the clock is put forward."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    """A selector that does not wait for a time; it says that the time has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(None if timeout is None else 0)
        if timeout and not found:
            self.now += timeout
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time` moves only by jumps, to the next moment at which something is due."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def virtually(scene: Callable[[], Awaitable[T]]) -> T:
    """What a scene comes to, in virtual time."""

    async def played() -> T:
        return await scene()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(played())
