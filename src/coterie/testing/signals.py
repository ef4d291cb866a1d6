"""What every store promises of signals: part of `StorePromises`."""

from __future__ import annotations

import asyncio

from coterie.errors import Fenced
from coterie.ports import Store
from coterie.testing.journals import in_loop, numbered, refused, written
from coterie.words.event import Closed, Settled, Signalled


class Ear:
    """Hears what is said to a run, and under which numbers."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.numbers: list[int] = []
        self._more = asyncio.Event()

    def __call__(self, signal: Signalled, number: int) -> None:
        self.said.append(signal.value)
        self.numbers.append(number)
        self._more.set()

    async def hears(self, *values: object) -> None:
        """Wait until at least as much was said, and see that it is that."""
        async with asyncio.timeout(10):
            while len(self.said) < len(values):
                self._more.clear()
                await self._more.wait()
        assert self.said == [*values]


async def say(store: Store, *values: object) -> None:
    """Say something to run `r`, one after the other."""
    for value in values:
        await store.signal("r", Signalled("message", "t", value))


class SignalPromises:
    """What is said to a run is kept until its journal tells of it: each writer is handed it once until then."""

    def reopen(self, store: Store) -> Store:
        """The same place, opened anew; a store that only lives in memory gives itself."""
        return store

    @in_loop
    async def test_a_signal_waits_for_whoever_claims_the_run(self, store: Store) -> None:
        """What was signalled to a run that nobody holds is heard by its next writer, in order."""
        await store.release(await written(store, "r"))
        await say(store, 0, 1, 2)
        ear = Ear()
        await store.claim("r", ear)
        await ear.hears(0, 1, 2)

    @in_loop
    async def test_a_signal_is_heard_once_by_who_holds_the_run(self, store: Store) -> None:
        """However much is said, journaled or not, each is handed over once, under a number of its own until then."""
        ear = Ear()
        await store.release(await written(store, "r"))
        lease = await store.claim("r", ear)
        for n in range(4):
            await say(store, n)
            await ear.hears(*range(n + 1))
            if n % 2:
                await store.append(lease, numbered([Settled(f"step.{n}")], 1 + n // 2), ear.numbers[-1:])
        assert ear.numbers[0] != ear.numbers[1]

    @in_loop
    async def test_p03_a_signal_that_no_journal_tells_of_is_heard_again(self, store: Store) -> None:
        """By the next writer, if the one that was handed it has gone; of what an append has heard, nobody is told."""
        await store.release(await written(store, "r"))
        await say(store, "first", "second")
        first, second, third = Ear(), Ear(), Ear()
        await store.release(await store.claim("r", first))
        lease = await store.claim("r", second)
        await store.append(lease, numbered([Settled("step.1")], 1), second.numbers[:1])
        await store.release(lease)
        await say(store, "third")
        again = self.reopen(store)
        await again.claim("r", third)
        await third.hears("second", "third")
        assert (first.said, second.said) == (["first", "second"], ["first", "second"])
        await again.close()

    @in_loop
    async def test_p03_a_stale_writer_has_heard_nothing(self, store: Store) -> None:
        """What it says it has heard stays for the writer that there is."""
        stale, ear = Ear(), Ear()
        await store.release(await written(store, "r"))
        await say(store, "x")
        lease = await store.claim("r", stale)
        await store.release(lease)
        newer = await store.claim("r")
        await refused(store.append(lease, numbered([Settled("step.1")], 1), stale.numbers), Fenced)
        await store.release(newer)
        await store.claim("r", ear)
        await ear.hears("x")

    @in_loop
    async def test_what_was_said_to_a_run_that_has_ended_is_gone(self, store: Store) -> None:
        """What its writer was handed and did not look at any more is nothing to whoever goes on with it later."""
        await store.release(await written(store, "r"))
        await say(store, "late")
        lease = await store.claim("r", Ear())
        await store.append(lease, numbered([Closed(status="failed")], 1))
        await store.release(lease)
        ear = Ear()
        await store.claim("r", ear)
        await say(store, "new")
        await ear.hears("new")
