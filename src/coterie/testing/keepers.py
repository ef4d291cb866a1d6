"""What every store promises that can let go: subclass `KeeperPromises` in a test, as one does with `StorePromises`."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

import msgspec

from coterie.errors import BadInput, Fenced
from coterie.kernel.story import opened, overview, result, transcript, tree
from coterie.kernel.values import to_plain
from coterie.ports import Keeper, Lease, Store
from coterie.testing.journals import TIME, in_loop, numbered, seen, written
from coterie.testing.signals import Ear
from coterie.testing.stores import StorePromises
from coterie.words.brief import Brief
from coterie.words.effect import Ask, Think, Use
from coterie.words.event import Asked, Closed, Event, Noted, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.message import File, Message, ToolCall
from coterie.words.thread import Thread

CANARY = "Ada lives at 7 Elm Street"
WHO, WHY, WHEN = "dan", "she asked for it", TIME + 500.0
LARGE = f"{CANARY}. " * 6_000
"""So long that it is kept once for all runs."""
ASKED = Thread([Message(sender="user", text=CANARY)])
SAID = Message(
    sender="a",
    text=f"{CANARY}!",
    output={"where": CANARY},
    calls=(ToolCall("1", "post", {"to": [CANARY]}),),
    files=(File(media="text/plain", data=CANARY.encode() * 400, name=CANARY),),
    missing=(Failure(kind="Late", message=CANARY, path="t/b"),),
)
EVENTS: list[Event] = [
    Noted("team", "entered", CANARY),
    Asked("team/think.1", Think("a", "m", Brief("be brief"), ASKED)),
    Settled("team/think.1", SAID),
    Asked("team/post.1", Use("post", {"to": CANARY})),
    Settled("team/post.1", {"sent": [CANARY, 1]}),
    Asked("team/large.1", Use("post", {"to": LARGE})),
    Settled("team/large.1", LARGE),
    Asked("team/ask.1", Ask(f"May I tell you that {CANARY}?", "approval", ("yes", "no"))),
    Signalled("answer", "team/ask.1", {"value": CANARY, "by": "eve"}),
    Settled("team/ask.1", failure=Failure(kind="Late", message=CANARY, raw=CANARY)),
    Noted("team", "put", "key", CANARY),
    Noted("team", "failed", CANARY),
]
END = Closed(status="succeeded", message=SAID, parts=(SAID,))


def said(records: Iterable[Record]) -> bytes:
    """All that records say, as bytes to look through."""
    return b"".join(msgspec.json.encode(to_plain(record)) + repr(record).encode() for record in records)


async def kept(store: Store, run: str, events: list[Event]) -> Lease:
    """A run that has ended, and was given back and claimed again."""
    await store.release(await written(store, run, *[[event] for event in events], [END]))
    return await store.claim(run)


class KeeperPromises(StorePromises):
    """A store of which something can be taken out for good: what was said in a run, or whole runs."""

    @in_loop
    async def test_what_was_said_is_taken_out_and_the_rest_stays(self, store: Store) -> None:
        """Of every kind of event; who did what when and how it ended can be read as before, and who took it out."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        before = await store.read("r")
        told = await keeper.redact(lease, range(1, len(before)), WHO, WHY, WHEN)
        await store.release(lease)
        for place in (store, self.reopen(store)):
            records = await place.read("r")
            assert CANARY.encode() not in said(records)
            assert b"[redacted " in said(records)
            assert [_shape(one) for one in records[:-1]] == [_shape(one) for one in before]
            assert records[-1] == Record(len(before), WHEN, told)
            assert (told.kind, told.about, told.value["why"]) == ("redacted", WHO, WHY)
            assert told.value["events"] == list(range(1, len(before)))
            assert (opened(records).task, overview("r", records).status) == ("a task", "succeeded")
            assert result("r", records).text.startswith("[redacted ")
            assert len(transcript(records)) == len(transcript(before))
            assert tree(records).state == "succeeded"
            if place is not store:
                await place.close()

    @in_loop
    async def test_nothing_of_a_redacted_run_is_in_a_listing(self, store: Store) -> None:
        """A listing tells what the task was; one that was made before is not shown again."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        await store.release(lease)
        assert [one.task for one in await store.runs()] == ["a task"]
        lease = await store.claim("r")
        await keeper.redact(lease, [0], WHO, WHY, WHEN)
        await store.release(lease)
        assert [one.task[:10] for one in await store.runs()] == ["[redacted "]

    @in_loop
    async def test_what_other_runs_mention_stays_theirs(self, store: Store) -> None:
        """A large content is kept once for all runs; taken out of one, it is in the others as it was."""
        keeper = _keeper(store)
        lease, other = await kept(store, "r", EVENTS), await kept(store, "other", EVENTS)
        before = await store.read("other")
        await keeper.redact(lease, range(14), WHO, WHY, WHEN)
        await keeper.prune([lease], WHO, WHY, WHEN)
        await store.release(other)
        assert seen(await store.read("other")) == seen(before)
        again = self.reopen(store)
        assert seen(await again.read("other")) == seen(before)
        if again is not store:
            await again.close()

    @in_loop
    async def test_a_run_can_be_redacted_bit_by_bit(self, store: Store) -> None:
        """What was taken out stays out, and a tombstone is not buried again."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        await keeper.redact(lease, [5], WHO, WHY, WHEN)
        once = await store.read("r")
        await keeper.redact(lease, [5], WHO, WHY, WHEN)
        assert seen(await store.read("r"))[:-1] == seen(once)
        await keeper.redact(lease, range(14), WHO, WHY, WHEN)
        assert CANARY.encode() not in said(await store.read("r"))

    @in_loop
    async def test_an_event_that_is_not_there_cannot_be_taken_out(self, store: Store) -> None:
        """And nothing else is."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        before = await store.read("r")
        await _raises(keeper.redact(lease, [1, 99], WHO, WHY, WHEN), BadInput)
        assert seen(await store.read("r")) == seen(before)

    @in_loop
    async def test_of_a_pruned_run_nothing_is_left_but_that_there_was_one(self, store: Store) -> None:
        """Its journal, its place in listings and what was said to it; others stay, and its id is free for a new one."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        await store.release(await kept(store, "other", EVENTS[:2]))
        await store.signal("r", Signalled("message", "t", CANARY))
        [left] = await keeper.prune([lease], WHO, WHY, WHEN)
        told = (left.run, left.team, left.status, left.events, left.at, left.by, left.why)
        assert told == ("r", "team", "succeeded", len(EVENTS) + 2, WHEN, WHO, WHY)
        assert (await store.read("r"), [one.id for one in await store.runs()]) == ([], ["other"])
        ear = Ear()
        again = await store.claim("r", ear)
        await store.append(again, numbered([Noted("team", "entered", "anew")]))
        assert (len(await store.read("r")), ear.said) == (1, [])
        assert await keeper.pruned() == [left]

    @in_loop
    async def test_pruned_runs_are_told_the_newest_first_and_survive_a_reopening(self, store: Store) -> None:
        """Many at once, and one later."""
        keeper = _keeper(store)
        leases = [await kept(store, f"r{n}", EVENTS[:n]) for n in range(4)]
        first = await keeper.prune(leases[:3], WHO, WHY, WHEN)
        last = await keeper.prune(leases[3:], WHO, WHY, WHEN + 1)
        assert sorted(one.run for one in first) == ["r0", "r1", "r2"]
        again = self.reopen(store)
        found = await _keeper(again).pruned()
        assert (found[0], sorted(one.run for one in found[1:])) == (last[0], ["r0", "r1", "r2"])
        if again is not store:
            await again.close()

    @in_loop
    async def test_p03_a_stale_keeper_takes_nothing_out(self, store: Store) -> None:
        """Neither does one who has given the run back."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        await store.release(lease)
        await store.release(await store.claim("r"))
        before = await store.read("r")
        await _raises(keeper.redact(lease, [1], WHO, WHY, WHEN), Fenced)
        await _raises(keeper.prune([lease], WHO, WHY, WHEN), Fenced)
        assert seen(await store.read("r")) == seen(before)

    @in_loop
    async def test_runs_that_are_written_beside_it_are_not_disturbed(self, store: Store) -> None:
        """What runs have written in between, together with those that go, is theirs before and after."""
        keeper = _keeper(store)
        lease = await kept(store, "r", EVENTS)
        beside = await written(store, "beside", EVENTS)
        await keeper.redact(lease, range(14), WHO, WHY, WHEN)
        await store.append(beside, numbered([Noted("team", "left")], len(EVENTS) + 1))
        await keeper.prune([lease], WHO, WHY, WHEN)
        await store.append(beside, numbered([END], len(EVENTS) + 2))
        await store.release(beside)
        found = [record.event for record in await self.reopened(store, "beside")]
        assert found[-2:] == [Noted("team", "left"), END]
        assert len(found) == len(EVENTS) + 3

    async def reopened(self, store: Store, run: str) -> list[Record]:
        """A run as the same place gives it that was opened anew."""
        again = self.reopen(store)
        found = await again.read(run)
        if again is not store:
            await again.close()
        return found


def _shape(record: Record) -> tuple[object, ...]:
    event = record.event
    named = [getattr(event, name, None) for name in ("path", "fact", "kind", "status", "usage")]
    return (record.seq, record.time, type(event), *named)


def _keeper(store: Store) -> Keeper:
    assert isinstance(store, Keeper), f"a {type(store).__name__} cannot let go of anything"
    return store


async def _raises(work: Awaitable[object], kind: type[Exception]) -> None:
    try:
        await work
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")
