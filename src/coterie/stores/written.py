"""What an append waits for, and how those who wait for one commit are woken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import Any, TypeAlias

Wakes: TypeAlias = Callable[["Written"], object]


class Written(asyncio.Future[None]):
    """Comes when a page is in the store.

    A commit ends the wait of every run that has a page in it. A plain future puts each of their tasks on the
    loop's list, from where it is called later: that costs as much as making the page. Whoever waits here is
    called by the one who commits, in the same turn of the loop.
    """

    __slots__ = ("_context", "_waiter")

    _waiter: Wakes | None
    _context: Context

    @classmethod
    def on(cls, loop: asyncio.AbstractEventLoop) -> Written:
        """One that nobody waits for yet."""
        written = cls(loop=loop)
        written._waiter = None
        return written

    def wake(self) -> None:
        """It is written: the task that waits goes on now. Not to be called from within a task."""
        waiter, self._waiter = self._waiter, None
        if self.done():  # it was cancelled
            return
        self.set_result(None)
        if waiter is not None:
            self._context.run(waiter, self)

    def wake_later(self) -> None:
        """It is written: the task that waits goes on at the loop's next turn."""
        self._hand_over()
        if not self.done():
            self.set_result(None)

    def fail(self, error: Exception) -> None:
        """It is not written: whoever waits is told so at the loop's next turn."""
        self._hand_over()
        if not self.done():
            self.set_exception(error)

    def cancel(self, msg: Any | None = None) -> bool:
        self._hand_over()
        return super().cancel(msg)

    def add_done_callback(self, fn: Wakes, /, *, context: Context | None = None) -> None:
        if context is None or self._waiter is not None or self.done():
            super().add_done_callback(fn, context=context)
        else:  # a task that awaits this, which is nearly always all
            self._waiter, self._context = fn, context

    def remove_done_callback(self, fn: Wakes, /) -> int:
        self._hand_over()
        return super().remove_done_callback(fn)

    def _hand_over(self) -> None:
        """Leave the one that waits to the loop."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            super().add_done_callback(waiter, context=self._context)


def come(error: Exception | None = None) -> asyncio.Future[None]:
    """What an append waits for that has nothing to write, or cannot be."""
    future = asyncio.get_running_loop().create_future()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future


def wake(all_written: Iterable[Written]) -> None:
    """Let everybody go on whose page is in the store."""
    if asyncio.current_task() is not None:  # a task cannot step into another
        for written in all_written:
            written.wake_later()
        return
    rest = iter(all_written)
    try:
        for written in rest:
            written.wake()
    finally:  # what a task raises that ends the loop leaves nobody waiting
        for written in rest:
            written.wake_later()
