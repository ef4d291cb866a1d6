"""Who looks on: observers of runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from coterie.words.event import Record


class Observer(Protocol):
    """Sees what happens in the runs that this process performs. It decides nothing, and what it raises ends nothing."""

    def began(self, run: str, records: Sequence[Record], /) -> None:
        """A run is performed here from now on; `records` is its journal so far, empty for a new one."""
        ...

    def happened(self, run: str, records: Sequence[Record], /) -> None:
        """These were journaled."""
        ...

    def left(self, run: str, /) -> None:
        """It is performed here no longer: it ended, was parked, or goes on elsewhere."""
        ...


@runtime_checkable
class Tracer(Observer, Protocol):
    """An observer that makes a span of each step, and has what the step does elsewhere be below it."""

    def within(self, run: str, path: str, /) -> AbstractContextManager[object]:
        """A block in which the span at `path` of a run is the current one."""
        ...
