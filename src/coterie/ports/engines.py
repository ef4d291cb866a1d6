"""What has runs performed: engines, and the work that they give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, runtime_checkable

from coterie.words.cluster import Hand, Queue


class Work(Protocol):
    """One run that a worker was given, until it says what became of it."""

    run: str
    tenant: str

    async def beat(self) -> None:
        """Say that it is still worked on, so that nobody else is given it."""
        ...

    async def done(self) -> None:
        """Say that there is nothing more to do for it now."""
        ...

    async def again(self, seconds: float = 0.0) -> None:
        """Give it back, to be given to somebody in `seconds`."""
        ...


class Engine(Protocol):
    """Decides who performs a run now. It moves bursts, never steps, and may be wrong: the journal is the truth.

    Whatever is dispatched is given to some worker at least once; who has the lease of the run performs it.
    """

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Have a worker that has all that the run `needs` perform it soon, the urgent (3) before the low (0).

        Raises:
            EngineUnavailable: if nobody could be told.
        """
        ...

    def work(self, has: Sequence[str] = ()) -> AsyncIterator[Work]:
        """What is to be performed by a worker that has these capabilities, as it comes."""
        ...

    async def close(self) -> None:
        """Let go of every resource; what was given and is not done is given to others."""
        ...


@runtime_checkable
class Surveyed(Protocol):
    """An engine that says how its cluster stands."""

    async def queues(self) -> list[Queue]:
        """What waits for a worker.

        Raises:
            EngineUnavailable: if nobody can be asked.
        """
        ...

    async def workers(self, seconds: float = 0.5) -> list[Hand]:
        """Who works on the queue: all that say so within some seconds.

        Raises:
            EngineUnavailable: if nobody can be asked.
        """
        ...

    async def answer(self, tell: Callable[[], Hand]) -> None:
        """Have whoever asks be told of the worker in this process."""
        ...
