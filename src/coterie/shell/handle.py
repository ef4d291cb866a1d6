"""A run under way, as the program that started it sees it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Self

from coterie.errors import RunError
from coterie.kernel.values import storable
from coterie.shell.job import Job
from coterie.shell.pausing import GRACE, pause_of
from coterie.shell.runner import Runner
from coterie.shell.sayings import Sayings, Watcher
from coterie.words.delta import Shown
from coterie.words.effect import Ask
from coterie.words.event import Record, Signalled
from coterie.words.result import Result


class Run:
    """A run that is being performed. Used as a context manager, it is cancelled on the way out."""

    def __init__(self, job: Job, *, attended: bool = True) -> None:
        job.attended = attended
        job.attach = self._attach
        self.id = job.id
        self._job = job
        self._records: list[Record] = []
        self._more = asyncio.Event()
        self._runner: Runner | None = None
        self._begun = asyncio.Event()
        self._open = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(job.perform())
        self._task.add_done_callback(self._ended)

    async def result(self) -> Result:
        """What the run comes to. Cancelling the caller does not cancel the run."""
        return await asyncio.shield(self._task)

    def __await__(self) -> Generator[Any, None, Result]:
        return self.result().__await__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._task.done():
            await self.cancel("left")

    @property
    def records(self) -> list[Record]:
        """The journal by now."""
        return self._records

    async def begun(self) -> None:
        """Wait until the run holds its lease, and its journal says that it is open.

        Raises:
            CoterieError: if it could not begin.
        """
        await self._open.wait()
        if self._task.done() and not self._records:
            await self.result()

    async def leave(self) -> None:
        """Stop performing without ending the run: its lease is given back, and whoever resumes it goes on."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def when_done(self, tell: Callable[[Run], None]) -> None:
        """Have `tell` called when the run has ended, was parked, or was left."""
        self._task.add_done_callback(lambda _: tell(self))

    @property
    def done(self) -> bool:
        """Whether the run has ended or was parked."""
        return self._task.done()

    @property
    def waiting(self) -> dict[str, Ask]:
        """The questions that are open now, by their path."""
        return {} if self._runner is None else dict(self._runner.waiting)

    async def events(self, after: int = -1) -> AsyncIterator[Record]:
        """Every record of the journal numbered above `after`, in order, each once, to the run's end."""
        async for batch in self.batches(after):
            for record in batch:
                if isinstance(record, Record):
                    yield record

    def stream(self, after: int = -1) -> AsyncIterator[Record | Shown]:
        """The records numbered above `after`, and between them what models are saying, piece by piece.

        Pieces come after the record that the call was asked and before the one that it was settled. Who
        comes later, or comes back, is shown what there is of each answer from its beginning, then
        each piece once. A slow watcher gets fewer, longer pieces, and is told what it has `Missed`; the
        run never waits for one. Models are streamed from the first call of this on.
        """
        return _each(self.batches(after, live=True))

    def batches(self, after: int = -1, *, live: bool = False) -> AsyncIterator[list[Record | Shown]]:
        """As `events`, or with `live` as `stream`: all that has come meanwhile at once, never nothing."""
        return self._batches(Watcher(self.overheard()) if live else None, after)

    def overheard(self) -> Sayings:
        """What models say, which is kept from the first call of this on, until it is in the journal."""
        world = self._job.world
        if world.sayings is None:
            world.sayings = Sayings(self._more.set)
        return world.sayings

    async def _batches(self, watcher: Watcher | None, after: int) -> AsyncIterator[list[Record | Shown]]:
        at, records = 0, self._records
        while True:
            batch: list[Record | Shown] = []
            for record in records[at:]:
                fresh = [] if watcher is None else list(watcher.before(record))
                if record.seq > after:
                    batch += fresh
                    batch.append(record)
            at = len(records)
            if watcher is not None:
                batch += watcher.news()
            if batch:
                yield batch
                continue  # more may have come meanwhile
            if self._task.done():
                return
            self._more.clear()
            await self._more.wait()

    async def cancel(self, reason: str = "cancelled") -> Result:
        """Stop the run: recorded first, then done. What was finished stays, and it can be resumed."""
        await self._begun.wait()
        if self._runner is not None and not self._task.done():
            self._runner.arrive(Signalled("cancel", reason))
        return await self.result()

    async def pause(self, reason: str = "paused", grace: float = GRACE) -> Result:
        """Begin nothing new, and put the run away when what is under way has settled, or after `grace` seconds.

        Recorded first, then done. Nobody goes on with it until it is resumed.
        """
        await self._begun.wait()
        if not self._task.done():
            self._job.hear(pause_of(reason, grace))
        return await self.result()

    def answer(self, path: str, value: Any, by: str = "") -> None:
        """Answer the open question at `path`, as the person called `by`.

        Raises:
            NotOpen: if nothing is asked there.
            RunError: if the answer is not one of its choices.
        """
        self._live().answer(path, value, by)

    def hear(self, said: Signalled) -> None:
        """Take what came from outside; once it has an effect, it is in the journal."""
        self._job.hear(said)

    def send(self, topic: str, message: Any) -> None:
        """Send a message from outside on a topic; it is in the journal before anybody hears it.

        Raises:
            Unstorable: if the message has no JSON shape.
            RunError: if the run is over.
        """
        if self._task.done():
            raise RunError(f"run {self.id!r} is over")
        self._job.hear(Signalled("message", topic, storable(message, topic)))

    def _live(self) -> Runner:
        if self._runner is None or self._task.done():
            raise RunError(f"run {self.id!r} is not under way")
        return self._runner

    def _attach(self, runner: Runner, records: list[Record]) -> None:
        self._runner = runner
        self._begun.set()
        self._records.extend(records)
        runner.watch = self._grow
        runner.begun = self._open.set
        for observer in self._job.observers:
            seen(observer.began, self.id, list(records))

    def _grow(self, records: list[Record]) -> None:
        for observer in self._job.observers:
            seen(observer.happened, self.id, records)
        self._records.extend(records)
        self._more.set()

    def _ended(self, task: asyncio.Task[Result]) -> None:
        for observer in self._job.observers:
            seen(observer.left, self.id)
        if not task.cancelled():
            task.exception()  # whoever asks for the result gets it; nobody has to
        self._begun.set()
        self._open.set()
        self._more.set()


def seen(tell: Callable[..., None], *what: Any) -> None:
    """Tell an observer something; what it raises is its own business, and is logged."""
    try:
        tell(*what)
    except Exception:  # a run does not end because somebody who looks on fails
        logging.getLogger("coterie").exception("an observer failed")


async def _each(batches: AsyncIterator[list[Record | Shown]]) -> AsyncIterator[Record | Shown]:
    async for batch in batches:
        for seen in batch:
            yield seen
