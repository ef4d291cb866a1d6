"""What the house asks of a store whose journals are watched while others write them: what is new, and no more."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from coterie.words.event import Record


class Growth(Protocol):
    """One journal as it grows."""

    async def more(self) -> list[Record]:
        """What was written since the last look, the oldest first; each record once.

        Raises:
            Corrupt: if the bytes are not what was written.
        """
        ...


@runtime_checkable
class Growing(Protocol):
    """A store that reads what is new in a journal without reading all of it again."""

    def growth(self, run: str, /) -> Growth:
        """The journal of a run from its beginning, whether or not there is one yet."""
        ...
