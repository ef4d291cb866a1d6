"""What is remembered beyond a run: knowledge, and the memory of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coterie.words.memory import Query, Recalled, Remembered
from coterie.words.principal import Principal


class Knowledge(Protocol):
    """What is known beyond one run. Who asks is part of every request, and checked within the search.

    Its promises are `coterie.testing.KnowledgePromises`.
    """

    async def remember(self, who: Principal, entries: Sequence[Remembered], /) -> None:
        """Keep `entries`, all or none, as `who`'s own; each has a key, a source and a time.

        What has the same key among what `who` owns is replaced. The same again changes nothing.

        Raises:
            StoreUnavailable: if they cannot be written. None of them was.
        """
        ...

    async def recall(self, who: Principal, query: Query, now: float, /) -> list[Recalled]:
        """The best of what `who` may read, at `now` in seconds since the epoch; equal scores the newest first."""
        ...

    async def forget(self, who: Principal, query: Query, /) -> int:
        """Delete what `who` owns and the query's filters fit, with its vectors; how many there were."""
        ...

    async def close(self) -> None:
        """Let go of every resource."""
        ...


class Memory(Protocol):
    """What one run remembers with: some knowledge, as one principal may see and change it."""

    async def keep(self, entry: Remembered, /, now: float) -> str:
        """Keep an entry; gives its key."""
        ...

    async def find(self, query: Query, /, now: float) -> list[Recalled]:
        """What the query finds, the best first."""
        ...

    async def drop(self, query: Query, /) -> int:
        """Delete what the query's filters fit and is one's own; how many entries that were."""
        ...
