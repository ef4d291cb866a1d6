"""On the air: what is said in a run, between the process that performs it and those who watch it elsewhere.

Theory of operation
===================

1. Who performs a run tells of it for `WANTED` seconds after somebody has said that it is watched, and nothing else.
   It tells the number of the newest record, and what the models are saying, as any watcher is shown it.
2. Who watches keeps a copy of what the models say, and shows it between the records as if it were said here. What is
   told twice is the same; where something was lost, the rest of that answer is not shown before its record.
3. A new watcher is told every answer under way from its beginning; so are the others, who know it already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from coterie.carriers import Airing, Live
from coterie.shell.handle import Run
from coterie.shell.sayings import Sayings
from coterie.words.delta import News
from coterie.words.event import Record

WANTED = 5.0
"""Seconds for which a run is told of after somebody said that it is watched."""


def live_of(engine: object) -> Live | None:
    """What an engine carries of what is said in runs, if it does."""
    return engine.live if isinstance(engine, Airing) else None


class Airs:
    """The runs of one stage that are told of; `performed` is the run of that name that is performed here."""

    def __init__(self, live: Live, tenant: str, performed: Callable[[str], Run | None]) -> None:
        self._live = live
        self._tenant = tenant
        self._performed = performed
        self._until: dict[str, float] = {}
        self._airing: dict[str, asyncio.Task[None]] = {}

    async def wanted(self, id: str, fresh: bool) -> None:
        """Tell of a run for a while, here or once it is performed here; to a `fresh` watcher from the beginning."""
        now = asyncio.get_running_loop().time()
        self._until = {run: until for run, until in self._until.items() if until > now}
        self._until[id] = now + WANTED
        run = self._performed(id)
        if run is not None:
            await self._live.tell(self._tenant, id, News(len(run.records) - 1))
            self._air(run, fresh=fresh)

    def began(self, run: Run) -> None:
        """Take note of a run that is performed here from now on."""
        if self._is_wanted(run.id):
            self._air(run, fresh=True)

    def _is_wanted(self, id: str) -> bool:
        return self._until.get(id, 0.0) > asyncio.get_running_loop().time()

    def _air(self, run: Run, *, fresh: bool) -> None:
        airing = self._airing.get(run.id)
        if airing is not None:
            if not fresh:
                return
            airing.cancel()
        task = self._airing[run.id] = asyncio.get_running_loop().create_task(self._tell(run))
        task.add_done_callback(lambda done: self._over(run.id, done))

    def _over(self, id: str, task: asyncio.Task[None]) -> None:
        if self._airing.get(id) is task:
            del self._airing[id]

    async def _tell(self, run: Run) -> None:
        """Tell what is new in a run, for as long as it is wanted."""
        seq = len(run.records) - 1
        async for batch in run.batches(seq, live=True):
            if not self._is_wanted(run.id):
                return
            seq = max([seq, *(one.seq for one in batch if isinstance(one, Record))])
            said = [one for one in batch if not isinstance(one, Record)]
            await self._live.tell(self._tenant, run.id, News(seq, tuple(said)))


class Heard:
    """What is heard of a run that another process performs; `moved` is set whenever there is something new."""

    def __init__(self) -> None:
        self.sayings = Sayings()
        self.seq = -1
        self.asked = False
        """Whether it is listened for."""
        self.moved = asyncio.Event()
        self._at = 0.0

    def take(self, news: News) -> None:
        """Take what is told."""
        self.seq = max(self.seq, news.seq)
        for one in news.shown:
            self.sayings.mirror(one)
        self._at = asyncio.get_running_loop().time()
        self.moved.set()

    @property
    def lately(self) -> bool:
        """Whether somebody has told something who still may."""
        return asyncio.get_running_loop().time() - self._at < WANTED
