"""Journals in a dict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from coterie.errors import Busy, Fenced
from coterie.kernel.story import closed, overview
from coterie.ports import DUE, HANDED, Hear, Lease
from coterie.words.event import Record, Signalled
from coterie.words.result import Overview
from coterie.words.which import ALL, Which


class MemoryStore:
    """Keeps every event as it is, and forgets everything at exit."""

    def __init__(self) -> None:
        self._runs: dict[str, list[Record]] = {}
        self._epochs: dict[str, int] = {}
        self._held: dict[str, Hear | None] = {}
        self._signals: dict[str, list[Signalled]] = {}
        self._wakes: dict[str, float] = {}

    async def claim(self, run: str, /, hear: Hear | None = None) -> Lease:
        if run in self._held:
            raise Busy(f"run {run!r} is being worked on in this process")
        self._held[run] = hear
        self._wakes.pop(run, None)
        if hear is not None and run in self._signals:
            for signal in self._signals.pop(run):
                hear(signal)
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

    async def append(self, lease: Lease, records: Sequence[Record], /) -> None:
        run = lease.run
        if self._epochs.get(run) != lease.epoch:
            raise Fenced(f"run {run!r} was taken over: epoch {lease.epoch} is not the newest")
        journal = self._runs.get(run)
        if journal is None:
            journal = self._runs[run] = []
        journal.extend(records)

    async def read(self, run: str, /) -> list[Record]:
        return list(self._runs.get(run, ()))

    async def signal(self, run: str, signal: Signalled, /) -> None:
        hear = self._held.get(run)
        if hear is not None:
            hear(signal)
        else:
            self._signals.setdefault(run, []).append(signal)
            await self.wake(run)

    async def runs(self, which: Which = ALL, /) -> list[Overview]:
        names = list(reversed(self._runs))
        if which.before:
            names = names[names.index(which.before) + 1 :] if which.before in self._runs else []
        seen = (overview(name, self._runs[name]) for name in names)
        return list(islice((one for one in seen if which.fits(one)), which.limit))

    async def close(self) -> None:
        self._held.clear()


class NullStore(MemoryStore):
    """Keeps nothing at all: for work that nobody will resume, replay or look at."""

    async def append(self, lease: Lease, records: Sequence[Record], /) -> None:
        return
