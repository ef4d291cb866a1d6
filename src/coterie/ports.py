"""What the house asks of the outside. Structural: nobody has to inherit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from coterie.words.cluster import Hand, Queue
from coterie.words.effect import Think
from coterie.words.event import Record, Signalled
from coterie.words.memory import Query, Recalled, Remembered
from coterie.words.message import Message
from coterie.words.permit import Decision, Ruling
from coterie.words.principal import Principal
from coterie.words.pruned import Pruned
from coterie.words.quota import Reserved, Spending
from coterie.words.result import Overview
from coterie.words.which import ALL, Which

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@runtime_checkable
class Model(Protocol):
    """Something that can continue a thread: any async function from a `Think` to a message.

    The message's `usage` says what it cost; `calls` are the tools it wants used. Whatever it
    raises becomes a journaled failure of that one step. A model that also has `stream(think, tell)`, which
    gives the same message and calls `tell` with each `Delta` of it, is shown while it answers.
    """

    def __call__(self, think: Think, /) -> Awaitable[Message]: ...


DROPPED = "dropped"
"""What work is cancelled with that nobody will go on with: whoever has begun something elsewhere stops it there.
Work that is cancelled without it is gone on with later, here or by another process."""


class Embedder(Protocol):
    """Something that places texts in a vector space, a row of unit length a text."""

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]: ...


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

    async def append(self, name: str, body: Any, /, *, at: int | None = None) -> Entry:
        """Write an entry at the end of a ledger, new or not; durable when this returns.

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


class Policy(Protocol):
    """Says who may do what: it is asked before anything is begun, and what it says is in the journal."""

    def __call__(
        self, principal: Principal, action: str, resource: str, context: Mapping[str, Any], /
    ) -> Decision | Ruling:
        """Whether `principal` may do `action` (one of `words.permit.ACTIONS`) to `resource`; a `Ruling` says why, too.

        `context` has the `run` and the `path` of the step; of a tool its `arguments`, `tags` and whether it is
        `sensitive`, of a model call at most how many `tokens` and how much `usd`, of memories their `tags`
        and `source`. Whatever it raises counts as a no. It is asked on the event loop: it waits for nothing.
        """
        ...


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


class Work(Protocol):
    """One run that a worker was given, until it says what became of it."""

    run: str
    tenant: str

    async def beat(self) -> None:
        """Say that it is still worked on, so that nobody else is given it."""
        ...

    async def done(self) -> None:
        """Say that there is nothing more to do for it now."""
        ...

    async def again(self, seconds: float = 0.0) -> None:
        """Give it back, to be given to somebody in `seconds`."""
        ...


class Engine(Protocol):
    """Decides who performs a run now. It moves bursts, never steps, and may be wrong: the journal is the truth.

    Whatever is dispatched is given to some worker at least once; who has the lease of the run performs it.
    """

    async def dispatch(
        self, run: str, /, *, tenant: str, priority: int = 1, needs: Sequence[str] = ()
    ) -> None:
        """Have a worker that has all that the run `needs` perform it soon, the urgent (3) before the low (0).

        Raises:
            EngineUnavailable: if nobody could be told.
        """
        ...

    def work(self, has: Sequence[str] = ()) -> AsyncIterator[Work]:
        """What is to be performed by a worker that has these capabilities, as it comes."""
        ...

    async def close(self) -> None:
        """Let go of every resource; what was given and is not done is given to others."""
        ...


@runtime_checkable
class Surveyed(Protocol):
    """An engine that says how its cluster stands."""

    async def queues(self) -> list[Queue]:
        """What waits for a worker.

        Raises:
            EngineUnavailable: if nobody can be asked.
        """
        ...

    async def workers(self, seconds: float = 0.5) -> list[Hand]:
        """Who works on the queue: all that say so within some seconds.

        Raises:
            EngineUnavailable: if nobody can be asked.
        """
        ...

    async def answer(self, tell: Callable[[], Hand]) -> None:
        """Have whoever asks be told of the worker in this process."""
        ...


Performer = Callable[[Any], Awaitable[Any]]  # does one effect in the world
