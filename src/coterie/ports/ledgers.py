"""What is kept beside journals: ledgers."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct


class Entry(Struct, frozen=True):
    """One entry of a ledger: its number, when it was written (seconds since the epoch), and what it says."""

    seq: int
    time: float
    body: Any


class Ledgers(Protocol):
    """Lists of entries by name, which only ever grow at their end: what is kept beside the journals of runs.

    A name is words with slashes between. The numbers of a ledger begin at 0 and have no gaps; a body is JSON-shaped.
    Its promises are `coterie.testing.LedgerPromises`.
    """

    async def append(
        self, name: str, body: Any, /, *, at: int | None = None, when: float | None = None
    ) -> Entry:
        """Write an entry at the end of a ledger, new or not; durable when this returns.

        It was written now, or `when`: an entry that comes from elsewhere keeps its time.

        Raises:
            Changed: if its number would not be `at`. Nothing was written.
        """
        ...

    async def read(self, name: str, /, after: int = -1, limit: int | None = None) -> list[Entry]:
        """The entries numbered above `after`, the oldest first."""
        ...

    async def last(self, name: str, /) -> Entry | None:
        """The newest entry, if there is any."""
        ...

    async def heads(
        self, prefix: str, /, after: str = "", limit: int | None = None
    ) -> list[tuple[str, Entry]]:
        """The newest entry of each ledger whose name begins with `prefix` and comes after `after`, by name.

        One whose newest entry says nothing (None) is left out.
        """
        ...

    async def drop(self, name: str, /) -> None:
        """Delete a ledger with all that is in it."""
        ...

    async def close(self) -> None:
        """Let go of every resource."""
        ...
