"""Watching runs: whoever performs them, each record once and in order, to the end.

Who watches a run gets its journal and then what is appended to it, by number, each record once. What another process
performs is read from the store: what is new, if the store can tell (`growing.Growing`), when it is heard that there is
something, or else again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext

from msgspec.structs import replace

from coterie.growing import Growing
from coterie.kernel.inquiries import questions
from coterie.kernel.replay import counted
from coterie.kernel.story import ENDED, closed, result, state
from coterie.ports import Store
from coterie.shell import run as shell
from coterie.shell.air import Heard
from coterie.shell.children import LOOK
from coterie.shell.handle import Run
from coterie.shell.sayings import Sayings, Watcher
from coterie.words.delta import Shown
from coterie.words.event import Record, Settled
from coterie.words.result import Overview, Result
from coterie.words.which import ALL, Which

SELDOM = 2.0
"""Seconds between two looks for what whoever performs a run should have told."""
SOON = 0.02
"""Seconds between the first two; each that finds nothing doubles them."""


class Between:
    """What a watcher is shown of a journal that is read: its records from a number on, and words between them."""

    def __init__(self, sayings: Sayings | None, after: int) -> None:
        self.after = after
        self._sayings = sayings
        self._watcher = None if sayings is None else Watcher(sayings)
        self._at = 0

    def saw(self, batch: Sequence[Record | Shown]) -> None:
        """Take note of what was shown by whoever performs the run here."""
        self.after = max([self.after, *(seen.seq for seen in batch if isinstance(seen, Record))])

    def new(self, records: Sequence[Record]) -> list[Record | Shown]:
        """What was not shown yet."""
        batch: list[Record | Shown] = []
        for record in records[self._at :]:
            before = self._before(record)
            if record.seq > self.after:
                batch += [*before, record]
        self._at = len(records)
        self.saw(batch)
        return batch if self._watcher is None else [*batch, *self._watcher.news()]

    def _before(self, record: Record) -> list[Shown]:
        if self._watcher is None or self._sayings is None:
            return []
        found = list(self._watcher.before(record))
        if isinstance(record.event, Settled):
            self._sayings.settled(record.event.path)
        return found


class Journal:
    """The journal of a run that another process performs, as far as it was read; no record is read twice."""

    def __init__(self, store: Store, run: str, known: Sequence[Record] | None) -> None:
        self.records = list(known or ())
        self._store = store
        self._run = run
        self._due = not known
        self._pause = SOON
        self._growth = store.growth(run) if isinstance(store, Growing) else None

    def known(self, records: Sequence[Record]) -> None:
        """Take what this process knows of the journal, because it has written it."""
        self._due = True
        if len(records) > len(self.records):
            self.records = list(records)

    async def grow(self, heard: Heard) -> None:
        """Read what is new, unless it was heard that there is nothing.

        Raises:
            UnknownRun: if there is no such run.
        """
        before = len(self.records)
        if self._due or heard.seq >= before:
            await self._read()
        self._due = len(self.records) > before
        if not self.records:
            raise shell.unknown(self._run)
        if self._due:
            self._pause = SOON

    async def _read(self) -> None:
        if self._growth is None:
            self.records = await shell.journal(self._store, self._run)
        else:
            self.records += [one for one in await self._growth.more() if one.seq >= len(self.records)]

    async def rest(self, heard: Heard) -> None:
        """Wait until something is heard, or it is time for another look: seldom, where whoever performs it tells."""
        try:
            async with asyncio.timeout(SELDOM if heard.lately else self._pause):
                await heard.moved.wait()
        except TimeoutError:
            self._pause, self._due = min(2 * self._pause, LOOK), True
        heard.moved.clear()


class Watched:
    """The runs of one store, as whoever wants to know of them sees them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._runs: dict[str, Run] = {}
        """Those that are performed here."""

    async def result(self, id: str) -> Result:
        """What a run has come to by now; its open questions are in `waiting`.

        Raises:
            UnknownRun: if the store has no such run.
        """
        records = await self.journal(id)
        waiting = {path: one.ask for path, one in questions(id, counted(records)).items()}
        return replace(result(id, records), waiting=waiting)

    async def wait(self, id: str) -> Result:
        """What a run comes to, once it has ended or only people can move it.

        Raises:
            UnknownRun: if the store has no such run.
        """
        run = self._live(id)
        if run is None or (ended := await run.result()).status not in ENDED:
            async for _ in self.events(id):
                pass
            ended = await self.result(id)
        return await self.wait(ended.text) if ended.status == "renewed" else ended

    async def events(self, id: str, after: int = -1, *, on: bool = False) -> AsyncIterator[Record]:
        """The records of a run numbered above `after`, in order, each once, to its end.

        With `on`, a run that only people can move is watched on; without, that is the end.

        Raises:
            UnknownRun: if the store has no such run.
        """
        async for batch in self.batches(id, after, on=on):
            for record in batch:
                if isinstance(record, Record):
                    yield record

    async def stream(self, id: str, after: int = -1, *, on: bool = False) -> AsyncIterator[Record | Shown]:
        """As `events`, and between the records what its models are saying, here or where the engine carries it.

        Raises:
            UnknownRun: if the store has no such run.
        """
        async for batch in self.batches(id, after, on=on, live=True):
            for seen in batch:
                yield seen

    async def batches(
        self,
        id: str,
        after: int = -1,
        *,
        on: bool = False,
        live: bool = False,
        known: Sequence[Record] | None = None,
    ) -> AsyncIterator[list[Record | Shown]]:
        """As `events`, or with `live` as `stream`: all that has come meanwhile at once, never nothing.

        Who has just read the journal can say so with `known`.

        Raises:
            UnknownRun: if the store has no such run.
        """
        journal, heard = Journal(self.store, id, known), Heard()
        shown = Between(heard.sayings if live else None, after)
        async with AsyncExitStack() as listening:
            while True:
                run = self._live(id)
                if run is not None:
                    async for batch in run.batches(shown.after, live=live):
                        shown.saw(batch)
                        yield batch
                    await asyncio.sleep(0)  # whoever performed it takes it off the list
                    journal.known(run.records)
                else:
                    await journal.grow(heard)
                records = journal.records
                if batch := shown.new(records):
                    yield batch
                if closed(records) is not None:
                    return
                if batch or self._live(id) is not None:
                    continue  # more may have come meanwhile
                if not on and state(records) in ("waiting", "paused"):
                    return
                if not heard.asked:
                    heard.asked = True
                    await listening.enter_async_context(self._listening(id, heard))
                await journal.rest(heard)

    def _listening(self, id: str, heard: Heard) -> AbstractAsyncContextManager[None]:
        """Have heard what is told of a run that another process performs, if anybody carries that."""
        return nullcontext()

    async def newest(self, id: str) -> str:
        """What a run is called now: it may have gone on as another, and that as a third."""
        while (seen := await self.store.runs(Which(id=id))) and seen[0].status == "renewed":
            id = (await self.result(id)).text
        return id

    async def left(self, id: str) -> None:
        """Wait until a run is not performed here: it has ended, is parked, or is performed elsewhere."""
        run = self._live(id)
        if run is not None:
            await run.result()

    async def runs(self, which: Which = ALL) -> list[Overview]:
        """The runs of the store, the newest first."""
        return await self.store.runs(which)

    def _live(self, id: str) -> Run | None:
        """The run that is performed here now."""
        run = self._runs.get(id)
        return None if run is None or run.done else run

    async def journal(self, id: str) -> list[Record]:
        """The journal of a run by now.

        Raises:
            UnknownRun: if the store has no such run.
        """
        run = self._live(id)
        return list(run.records) if run is not None and run.records else await shell.journal(self.store, id)
