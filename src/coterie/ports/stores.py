"""Where journals are kept: stores, and what some of them can do besides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from coterie.words.event import Record, Signalled
from coterie.words.pruned import Pruned
from coterie.words.quota import Reserved, Spending
from coterie.words.result import Overview
from coterie.words.which import ALL, Which

HANDED = 30.0
"""Seconds that whoever was told that a run is due has to claim it."""
DUE = 200
"""Runs that are told to be due at once."""


class Lease(Struct, frozen=True):
    """The right to append to one run. `epoch` is the fencing token: a newer one ends it."""

    run: str
    epoch: int


Hear: TypeAlias = Callable[[Signalled, int], None]
"""Takes a signal that came for a run from another process, and the number under which the store keeps it."""


class Store(Protocol):
    """Append-only journals, one a run, with one writer each."""

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        """Become the only writer of `run`, new or not. `hear` gets what others `signal` to it, once each.
        What it gets is kept for the next writer, until an append has `heard` it or has closed the run.

        Raises:
            Busy: if another living writer holds it.
        """
        ...

    async def release(self, lease: Lease, /, wake: float | None = None) -> None:
        """Give the run back, so that anybody may claim it at once; `wake` is when it is `due` again by itself."""
        ...

    async def wake(self, run: str, /, at: float = 0.0) -> None:
        """Have a run that has not ended be `due` at that time, if not sooner, as soon as nobody holds it."""
        ...

    async def due(self, now: float, /) -> list[str]:
        """Runs that nobody holds any more and whose time has come, in seconds since the epoch; the longest due first.

        Whoever is told has `HANDED` seconds to claim one; then it is due once more. A claim ends its being due.
        """
        ...

    def append(
        self, lease: Lease, records: Sequence[Record], /, heard: Sequence[int] = ()
    ) -> Awaitable[None]:
        """Write `records` after everything there, all or nothing; durable when what this gives has come.
        The signals that they tell of, by their numbers in `heard`, are let go of in the same step.

        Raises:
            Fenced: if somebody else has claimed the run since. Nothing was written.
            Unstorable: if a value cannot be stored. Nothing was written.
        """
        ...

    async def read(self, run: str, /) -> list[Record]:
        """Everything that happened in `run`, oldest first; empty for an unknown run.

        Raises:
            Corrupt: if the bytes are not what was written.
        """
        ...

    async def signal(self, run: str, signal: Signalled, /) -> None:
        """Give a signal to whoever holds `run` now, or claims it next; it is `due` as soon as nobody holds it."""
        ...

    async def runs(self, which: Which = ALL, /) -> list[Overview]:
        """The runs there are, the newest first; a page of a listing costs what it lists."""
        ...

    async def close(self) -> None:
        """Write what is pending and let go of every resource."""
        ...


@runtime_checkable
class Keeper(Store, Protocol):
    """A store that can let go of what it keeps: of what was said in a run, or of whole runs. Its own tenant's only."""

    async def redact(
        self, lease: Lease, events: Collection[int], by: str, why: str, at: float, /
    ) -> Signalled:
        """Take out what `events` of a run say, for good, and append the event that tells of it, which is given.

        What that names and other runs mention, too, stays theirs.

        Raises:
            Fenced: if somebody else has claimed the run since. Nothing was taken out.
            BadInput: if there is no such event. Nothing was taken out.
        """
        ...

    async def prune(self, leases: Sequence[Lease], by: str, why: str, at: float, /) -> list[Pruned]:
        """Let go of the runs that are held by `leases`, and of every content that no other run mentions.

        All or none; what is left of each is kept, and given.

        Raises:
            Fenced: if somebody else has claimed one since. Nothing was let go of.
        """
        ...

    async def pruned(self) -> list[Pruned]:
        """What is left of runs that were let go of, the newest first."""
        ...


class Tally(Protocol):
    """What the runs of a store use up together, a day at a time. What is set aside is counted as used.

    Its promises are `coterie.testing.TallyPromises`.
    """

    async def reserve(self, wanted: Reserved, extra: Spending, caps: Spending, /) -> Spending:
        """Set aside what `wanted` says, and more (`extra`), as far as `caps` allow (`words.quota.granted`); what was.

        It is one step for whatever else uses the tally, and durable when this returns. What the same run has set
        aside before, under the same lease and for the same day, is added to.
        """
        ...

    async def settle(self, run: str, epoch: int, day: str, spent: Spending, /) -> None:
        """Count `spent` in the place of all that is set aside there; nothing, if nothing is."""
        ...

    async def reserved(self, run: str = "", /) -> list[Reserved]:
        """What is set aside, by one run or by all."""
        ...

    async def used(self, day: str, /) -> Spending:
        """What is spent or set aside of a day."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A store that keeps a tally."""

    @property
    def tally(self) -> Tally:
        """What its runs use up together."""
        ...
