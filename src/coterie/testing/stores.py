"""What every store promises: subclass `StorePromises` in a test, and give it a `store` fixture.

A store that outlives its process gives `reopen`, too.
"""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from coterie.errors import Busy, Fenced, Unstorable
from coterie.kernel.story import overview
from coterie.ports import HANDED, Store
from coterie.testing.journals import MOMENTS, TIME, in_loop, numbered, opening, refused, seen, written
from coterie.testing.signals import SignalPromises
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.event import Asked, Closed, Event, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.message import File, Message, Thought, ToolCall
from coterie.words.result import Status
from coterie.words.thread import Thread
from coterie.words.usage import Usage
from coterie.words.which import Which


class StorePromises(SignalPromises):
    """A store is a list of events for each run that only grows, with one writer each."""

    @in_loop
    async def test_an_unknown_run_is_empty(self, store: Store) -> None:
        """Reading a run that nobody wrote gives nothing, and raises nothing."""
        assert await store.read("nobody") == []

    @in_loop
    async def test_records_come_back_in_order(self, store: Store) -> None:
        """What several appends wrote comes back whole, the oldest first."""
        await written(store, "r", MOMENTS[:4], MOMENTS[4:])
        assert seen(await store.read("r")) == seen(numbered([opening("r"), *MOMENTS]))

    @in_loop
    async def test_every_kind_of_event_survives_a_reopening(self, store: Store) -> None:
        """Nothing of an event is lost in the store."""
        lease = await written(store, "r", MOMENTS)
        await store.release(lease)
        again = self.reopen(store)
        assert seen(await again.read("r")) == seen(numbered([opening("r"), *MOMENTS]))
        await again.close()

    @in_loop
    async def test_messages_come_back_as_they_were(self, store: Store) -> None:
        """Parts within parts, tool calls, typed output, usage, failures and every script survive."""
        deep = Message(sender="a", text="ß漢字🙂\x00\n", calls=(ToolCall("1", "f", {"x": [1, {"y": None}]}),))
        for depth in range(5):
            deep = Message(
                sender=f"t{depth}", text="", parts=(deep, deep), usage=Usage(1, 2, 3, 4, 0.5, 6, 7, 8)
            )
        gone = Failure(kind="BadOutput", message="no", path="t/a", raw="{")
        said = Message(sender="t", output={"a": [1.5]}, parts=(deep,), missing=(gone,), unverified="why")
        files = (File(media="image/png", data=b"\x89PNG"), File(media="a/b", data=bytes(5000), name="n"))
        thoughts = (Thought(text="hm", proof="s", provider="p"),)
        said = replace(said, usage=Usage(1), files=files, thoughts=thoughts)
        closing = Closed(status="unverified", message=said, usage=Usage(1, 1, 1, 1, 0.1), parts=(said,))
        await written(store, "r", [Settled("t/think.1", said, None, Usage(1))], [closing])
        assert [record.event for record in await store.read("r")][1:] == [
            Settled("t/think.1", said, None, Usage(1)),
            closing,
        ]

    @in_loop
    async def test_large_and_repeated_values_come_back_as_they_were(self, store: Store) -> None:
        """A value of a megabyte survives, once and mentioned again."""
        large = "é" * 600_000
        said = Message(sender="a", text=large)
        events: list[Event] = [Settled(f"t/think.{n}", said) for n in range(3)]
        await written(store, "r", events, [Settled("t/use.1", {"large": large})])
        found = await store.read("r")
        assert [record.event for record in found][1:] == [*events, Settled("t/use.1", {"large": large})]

    @in_loop
    async def test_a_growing_thread_asks_the_same_after_a_reading(self, store: Store) -> None:
        """The request of a `Think` is the same to replay, whether live or read back."""
        thread, thinks = Thread(), list[Event]()
        for n in range(20):
            thread = thread.add(Message(sender="user", text=f"message {n} " * 50))
            thinks.append(Asked(f"t/think.{n}", Think("a", "m", Brief("be brief"), thread)))
        await written(store, "r", *[[think] for think in thinks])
        assert seen(await store.read("r")) == seen(numbered([opening("r"), *thinks]))

    @in_loop
    async def test_runs_do_not_see_each_other(self, store: Store) -> None:
        """Appends to runs side by side stay apart."""
        leases = [await written(store, f"r{n}") for n in range(5)]
        more = [numbered([Settled(f"step.{n}", n)], 1) for n in range(5)]
        await asyncio.gather(*(store.append(lease, batch) for lease, batch in zip(leases, more, strict=True)))
        for n in range(5):
            assert seen(await store.read(f"r{n}")) == seen([*numbered([opening(f"r{n}")]), *more[n]])

    @in_loop
    async def test_runs_are_listed_the_newest_first(self, store: Store) -> None:
        """Each run is listed once, with how it stands."""
        for name in ("old", "new", "last"):
            await written(store, name)
        listed = await store.runs()
        assert [one.id for one in listed] == ["last", "new", "old"]
        assert {(one.actor, one.task, one.status, one.events) for one in listed} == {
            ("team", "a task", "running", 1)
        }

    @in_loop
    async def test_a_listing_comes_in_pages(self, store: Store) -> None:
        """A page goes on after the run that the one before it ended with; after an unknown run comes nothing."""
        for n in range(5):
            await store.release(await written(store, f"r{n}"))
        first = await store.runs(Which(limit=2))
        assert [one.id for one in first] == ["r4", "r3"]
        rest = await store.runs(Which(before="r3", limit=10))
        assert [one.id for one in rest] == ["r2", "r1", "r0"]
        assert await store.runs(Which(before="nobody")) == []

    @in_loop
    async def test_runs_are_listed_as_their_journals_are(self, store: Store) -> None:
        """What a listing says of a run, ended or given back or held, is what a reading of its journal says."""
        spent = Usage(1, 2, 3, 4, 0.5)
        said = Message(sender="t", text="done", usage=spent)
        closing = Closed(status="succeeded", message=said, usage=spent)
        await store.release(await written(store, "ended", [Settled("t/think.1", said, None, spent), closing]))
        await store.release(await written(store, "parked", MOMENTS[:4]))
        await written(store, "held", MOMENTS)
        for _ in range(2):  # what the first listing learnt, the second knows
            for one in await store.runs():
                told = overview(one.id, await store.read(one.id))
                assert replace(one, status="") == replace(told, status="")
        ended, held = await store.runs(Which(id="ended")), await store.runs(Which(id="held"))
        assert [(one.status, one.usage) for one in ended] == [("succeeded", spent)]
        assert [(one.status, one.events) for one in held] == [("running", len(MOMENTS) + 1)]

    @in_loop
    async def test_a_listing_fits_what_is_asked(self, store: Store) -> None:
        """Runs are found by status, team, name and age, together."""
        ends: list[Status] = ["succeeded", "failed", "succeeded"]
        for n, status in enumerate(ends):
            await store.release(await written(store, f"r{n}", [Closed(status=status)]))
        asked = [
            Which(statuses=("succeeded",)),
            Which(statuses=("failed", "stuck"), team="team"),
            Which(statuses=("succeeded",), limit=1, before="r2"),
            Which(team="another"),
            Which(since=TIME + 1),
            Which(id="r1"),
        ]
        found = [[one.id for one in await store.runs(which)] for which in asked]
        assert found == [["r2", "r0"], ["r1"], ["r0"], [], [], ["r1"]]

    @in_loop
    async def test_runs_are_found_by_the_words_of_their_tasks(self, store: Store) -> None:
        """Each word that is sought begins a word of the task, in any order and in letters of any size."""
        tasks = {
            "r0": "Count the Herons of lake_1",
            "r1": "count gulls, and herons' nests!",
            "r2": "Zähle Möwen",
        }
        for name, task in tasks.items():
            lease = await store.claim(name)
            began = replace(opening(name), task=task)
            await store.append(lease, numbered([began, *([Closed(status="failed")] if name == "r0" else [])]))
            await store.release(lease)
        sought = ("heron count", "NESTS", "eron", "möw", "lake", "'|:*&!", "x" * 3000)
        for _ in range(2):  # what the first listing learnt, the second knows
            found = [[one.id for one in await store.runs(Which(words=words))] for words in sought]
            assert found == [["r1", "r0"], ["r1"], [], ["r2"], ["r0"], ["r2", "r1", "r0"], []]

    @in_loop
    async def test_a_run_that_is_gone_on_with_is_listed_anew(self, store: Store) -> None:
        """What was listed of a run before it was claimed again is not said of it afterwards."""
        await store.release(await written(store, "r", [Closed(status="failed")]))
        assert [one.status for one in await store.runs()] == ["failed"]
        lease = await store.claim("r")
        await store.append(lease, numbered([Signalled("resume", value=[1]), Settled("step.1")], 2))
        assert [one.events for one in await store.runs(Which(statuses=("running",)))] == [4]
        await store.append(lease, numbered([Closed(status="succeeded")], 4))
        await store.release(lease)
        assert [(one.status, one.events) for one in await store.runs()] == [("succeeded", 5)]

    @in_loop
    async def test_p03_a_held_run_is_busy(self, store: Store) -> None:
        """A run has one writer; the second is told so."""
        await written(store, "r")
        await refused(store.claim("r"), Busy)

    @in_loop
    async def test_p03_a_released_run_is_free_at_once(self, store: Store) -> None:
        """Whoever claims a run that was given back is its writer, with a newer epoch."""
        old = await written(store, "r")
        await store.release(old)
        new = await store.claim("r")
        assert new.epoch > old.epoch
        await store.append(new, numbered([Settled("step.1")], 1))
        assert len(await store.read("r")) == 2

    @in_loop
    async def test_p03_runs_given_back_together_are_all_free(self, store: Store) -> None:
        """Whoever else is claiming or giving back meanwhile, what was given back can be claimed from elsewhere."""
        names = [f"r{n}" for n in range(20)]

        async def one(name: str) -> None:
            for n in range(3):
                lease = await store.claim(name)
                end = [Settled("step.1")] if n < 2 else [Closed(status="succeeded")]
                await store.append(lease, numbered([opening(name)] if n == 0 else end, n))
                await store.release(lease)

        await asyncio.gather(*map(one, names))
        elsewhere = self.reopen(store)
        async with asyncio.timeout(10):
            found = [len(await elsewhere.read((await elsewhere.claim(name)).run)) for name in names]
        assert found == [3] * len(names)
        await elsewhere.close()

    @in_loop
    async def test_p03_a_stale_writer_writes_nothing(self, store: Store) -> None:
        """An append with a lease that is no longer the newest is refused whole."""
        old = await written(store, "r")
        await store.release(old)
        await store.claim("r")
        before = seen(await store.read("r"))
        await refused(store.append(old, numbered([Settled("step.1"), Settled("step.2")], 1)), Fenced)
        assert seen(await store.read("r")) == before

    @in_loop
    async def test_a_stale_release_takes_nothing_away(self, store: Store) -> None:
        """Giving an old lease back does not free the run from its new writer."""
        old = await written(store, "r")
        await store.release(old)
        await store.claim("r")
        await store.release(old)
        await refused(store.claim("r"), Busy)

    @in_loop
    async def test_an_append_is_all_or_nothing(self, store: Store) -> None:
        """A batch with a value that cannot be stored leaves no part of itself behind."""
        lease = await written(store, "r")
        batch = numbered([Settled("step.1", 1), Settled("step.2", object())], 1)
        try:
            await store.append(lease, batch)
        except Unstorable:
            assert len(await store.read("r")) == 1
            await store.append(lease, numbered([Settled("step.1", 1)], 1))
        assert (await store.read("r"))[1].event == Settled("step.1", 1)

    @in_loop
    async def test_what_was_read_is_the_readers_own(self, store: Store) -> None:
        """Changing a list that was read changes nothing in the store."""
        await written(store, "r")
        (await store.read("r")).clear()
        assert len(await store.read("r")) == 1

    @in_loop
    async def test_a_run_that_is_given_back_until_a_time_is_due_then(self, store: Store) -> None:
        """Not before, not while somebody holds it, and to one of those who ask; a claim ends it."""
        await store.release(await written(store, "early"), TIME + 1)
        await store.release(await written(store, "late"), TIME + 2)
        await store.release(await written(store, "never"))
        assert await store.due(TIME) == []
        assert await store.due(TIME + 3) == ["early", "late"]
        assert await store.due(TIME + 3) == []
        assert await store.due(TIME + 3 + HANDED) == ["early", "late"]
        lease = await store.claim("early")
        await store.claim("late")
        assert await store.due(TIME * 2) == []
        await store.release(lease)
        assert await store.due(TIME * 2) == []

    @in_loop
    async def test_a_run_that_is_woken_is_due_when_nobody_holds_it(self, store: Store) -> None:
        """By a signal or by name, before it is given back or after; the sooner counts, and what has ended sleeps."""
        await store.release(await written(store, "parked"), TIME * 2)
        await store.wake("parked", TIME)
        held = await written(store, "held")
        await store.wake("held")
        await store.release(held, TIME * 2)
        await store.release(await written(store, "told"))
        await store.signal("told", Signalled("message", "t", 1))
        ended = await written(store, "ended", [Closed(status="succeeded")])
        await store.wake("ended")
        await store.release(ended)
        await store.wake("ended")
        assert sorted(await store.due(TIME)) == ["held", "parked", "told"]
