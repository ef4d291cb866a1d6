"""Journals in a dict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import count, islice

from coterie.errors import Busy, Fenced
from coterie.kernel.story import closed, overview
from coterie.ports import DUE, HANDED, Hear, Lease
from coterie.stores.pruning import let_go, paged
from coterie.stores.tally import MemoryTally
from coterie.stores.told import SqliteGroups
from coterie.wire.journal import Reader
from coterie.wire.redaction import taken
from coterie.words.event import Closed, Record, Signalled
from coterie.words.pruned import Pruned
from coterie.words.result import Overview
from coterie.words.which import ALL, Which


class MemoryStore:
    """Keeps every event as it is, and forgets everything at exit."""

    def __init__(self) -> None:
        self._runs: dict[str, list[Record]] = {}
        self._epochs: dict[str, int] = {}
        self._held: dict[str, Hear | None] = {}
        self._signals: dict[str, dict[int, Signalled]] = {}
        self._count = count()
        self._wakes: dict[str, float] = {}
        self._pruned: list[Pruned] = []
        self.tally = MemoryTally()

    @cached_property
    def groups(self) -> SqliteGroups:
        """What groups of runs are told, until the process ends."""
        return SqliteGroups.in_memory()

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        if run in self._held:
            raise Busy(f"run {run!r} is being worked on in this process")
        self._held[run] = hear
        self._wakes.pop(run, None)
        for number, signal in list(self._signals.get(run, {}).items()):
            if hear is not None:
                hear(signal, number)
        epoch = self._epochs[run] = self._epochs.get(run, 0) + 1
        return Lease(run, epoch)

    async def release(self, lease: Lease, /, wake: float | None = None) -> None:
        if self._epochs.get(lease.run) == lease.epoch:
            self._held.pop(lease.run, None)
            if wake is not None:
                await self.wake(lease.run, wake)

    async def wake(self, run: str, /, at: float = 0.0) -> None:
        if closed(self._runs.get(run, ())) is None:
            self._wakes[run] = min(at, self._wakes.get(run, at))

    async def due(self, now: float, /) -> list[str]:
        found = [run for run, at in self._wakes.items() if at <= now and run not in self._held]
        found = sorted(found, key=self._wakes.__getitem__)[:DUE]
        self._wakes.update(dict.fromkeys(found, now + HANDED))
        return found

    async def append(self, lease: Lease, records: Sequence[Record], /, heard: Sequence[int] = ()) -> None:
        run = lease.run
        if self._epochs.get(run) != lease.epoch:  # `_check`, without a call on every append
            self._check(lease)
        journal = self._runs.get(run)
        if journal is None:
            journal = self._runs[run] = []
        journal.extend(records)
        if run in self._signals:
            self._take_off(run, records, heard)

    def _take_off(self, run: str, records: Sequence[Record], heard: Sequence[int]) -> None:
        """Let go of what was heard, and of all that was handed to a run that is closed."""
        signals = self._signals[run]
        ends = records and type(records[-1].event) is Closed and self._held.get(run) is not None
        for number in list(signals) if ends else heard:
            signals.pop(number, None)

    async def read(self, run: str, /) -> list[Record]:
        return list(self._runs.get(run, ()))

    def growth(self, run: str, /) -> MemoryGrowth:
        """The journal of a run as it grows."""
        return MemoryGrowth(self._runs, run)

    async def signal(self, run: str, signal: Signalled, /) -> None:
        number = next(self._count)
        self._signals.setdefault(run, {})[number] = signal
        await self.wake(run)
        hear = self._held.get(run)
        if hear is not None:
            hear(signal, number)

    async def runs(self, which: Which = ALL, /) -> list[Overview]:
        names = list(reversed(self._runs))
        if which.before:
            names = names[names.index(which.before) + 1 :] if which.before in self._runs else []
        seen = (overview(name, self._runs[name]) for name in names)
        return list(islice((one for one in seen if which.fits(one)), which.limit))

    async def redact(
        self, lease: Lease, events: Collection[int], by: str, why: str, at: float, /
    ) -> Signalled:
        self._check(lease)
        records = self._runs.get(lease.run, [])
        pages = paged(lease.run, records)
        found = taken(pages, events, _nowhere)
        said, left = found.said(by, why), {page.seq: page for page in found.pages}
        reader = Reader(_nowhere)
        kept = [left.get(page.seq, page) for page in pages]
        anew = [one for page in kept for one in reader.page(page.seq, page.body, page.contents)]
        self._runs[lease.run] = [*anew, Record(len(anew), at, said)]
        return said

    async def prune(self, leases: Sequence[Lease], by: str, why: str, at: float, /) -> list[Pruned]:
        for lease in leases:
            self._check(lease)
        gone = [
            let_go(overview(lease.run, journal), "", at=at, by=by, why=why)
            for lease in leases
            if (journal := self._runs.pop(lease.run, []))
        ]
        for lease in leases:
            self._held.pop(lease.run, None)
            self._signals.pop(lease.run, None)
        self._pruned = [*gone, *self._pruned]
        return gone

    async def pruned(self) -> list[Pruned]:
        return list(self._pruned)

    async def close(self) -> None:
        self._held.clear()

    def _check(self, lease: Lease) -> None:
        if self._epochs.get(lease.run) != lease.epoch:
            raise Fenced(f"run {lease.run!r} was taken over: epoch {lease.epoch} is not the newest")


def _nowhere(_: bytes) -> None:
    """There are no contents outside of pages."""


class MemoryGrowth:
    """One journal as it grows."""

    def __init__(self, runs: Mapping[str, list[Record]], run: str) -> None:
        self._runs = runs
        self._run = run
        self._seq = 0

    async def more(self) -> list[Record]:
        found = self._runs.get(self._run, [])[self._seq :]
        self._seq += len(found)
        return found


class NullStore(MemoryStore):
    """Keeps nothing at all: for work that nobody will resume, replay or look at."""

    async def append(self, lease: Lease, records: Sequence[Record], /, heard: Sequence[int] = ()) -> None:
        if lease.run in self._signals:
            self._take_off(lease.run, records, heard)
