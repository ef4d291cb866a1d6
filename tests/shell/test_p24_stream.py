"""P24: one stream of records and of what models are saying, with retraction, for any number of watchers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from coterie import Agent, Message, Task, Team, gather, start
from coterie.errors import ModelUnavailable
from coterie.models import scripted
from coterie.patterns import resilient
from coterie.shell.sayings import KEPT
from coterie.words.delta import AGAIN, Delta, Missed, Piece, Retracted, Shown, Tell
from coterie.words.effect import Think
from coterie.words.event import Asked, Closed, Record, Settled
from coterie.words.message import ToolCall

Item = Record | Shown


class Speaker:
    """Tells what it is given, waits where it is told to, and fails where that is an exception."""

    name = "speaker"

    def __init__(self, *said: Any) -> None:
        self.said = said

    async def __call__(self, think: Think) -> Message:
        return await self.stream(think, lambda _: None)

    async def stream(self, think: Think, tell: Tell) -> Message:
        text = ""
        for one in self.said:
            if isinstance(one, asyncio.Event):
                await one.wait()
            elif isinstance(one, Exception):
                raise one
            else:
                delta = one if isinstance(one, Delta) else Delta(one)
                text = "" if delta is AGAIN else text + delta.text
                tell(delta)
                await asyncio.sleep(0)
        return Message(sender=think.actor, text=text)


def watched(actor: Any, model: Any = None) -> list[Item]:
    """What a watcher from the beginning to the end sees."""

    async def scene() -> list[Item]:
        async with start(actor, "go", model=model) as run:
            return [item async for item in run.stream()]

    return asyncio.run(scene())


def told(items: Sequence[Item]) -> dict[str, str]:
    """The text that stands at each path in the end, by the rules of pieces and retractions."""
    texts: dict[str, str] = {}
    for item in items:
        if isinstance(item, Retracted):
            del texts[item.path]
        elif isinstance(item, Piece):
            assert item.offset == len(texts.get(item.path, ""))
            texts[item.path] = texts.get(item.path, "") + item.text
    return texts


def test_every_depth_is_on_one_stream_in_order() -> None:
    """Pieces of a call stand between its ask and its outcome, and make up its text; records have no gap."""
    pair = Team("pair", [Agent("a"), Agent("b")], _both)
    top = Team("top", [pair, Agent("c")], _then)
    items = watched(top, scripted(lambda think: f"I am {think.actor}, \n and I speak."))
    records = [item for item in items if isinstance(item, Record)]
    assert [record.seq for record in records] == list(range(len(records)))
    texts = {e.path: e.value.text for e in (r.event for r in records) if isinstance(e, Settled)}
    assert (len(texts), told(items)) == (3, texts)
    for path in texts:
        kinds = [_kind(item) for item in items if _path(item) == path]
        assert kinds == ["Asked", *["Piece"] * (len(kinds) - 2), "Settled"]
        assert len(kinds) > 4


async def _both(task: Task) -> Message:
    said = await gather(Agent("a")(task), Agent("b")(task))
    return said[0]


async def _then(task: Task) -> Message:
    await Team("pair", [Agent("a"), Agent("b")], _both)(task)
    return await Agent("c")(task)


def _kind(item: Item) -> str:
    return type(item.event if isinstance(item, Record) else item).__name__


def _path(item: Item) -> str:
    return str(getattr(item.event if isinstance(item, Record) else item, "path", ""))


def test_nothing_of_it_is_journaled_or_asked_for_when_nobody_watches() -> None:
    """Without a watcher a model is called as ever; with one the journal is the same."""
    streamed: list[str] = []

    class Model:
        name = "m"

        async def __call__(self, think: Think) -> str:
            return "hello"

        async def stream(self, think: Think, tell: Tell) -> Message:
            streamed.append(think.actor)
            tell(Delta("he"))
            return Message(sender=think.actor, text="hello")

    async def journal(watch: bool) -> list[Any]:
        async with start(Agent("a"), "go", model=Model()) as run:
            items = [item async for item in (run.stream() if watch else run.events())]
        return [item.event for item in items if isinstance(item, Record)]

    plain = asyncio.run(journal(False))
    assert streamed == []
    events = asyncio.run(journal(True))
    assert streamed == ["a"]
    assert [type(event) for event in events] == [type(event) for event in plain]
    assert isinstance(events[-1], Closed)
    assert events[-1].message == plain[-1].message


def test_a_retry_takes_back_what_it_replaces() -> None:
    """What a first attempt said is retracted before the first piece of the second."""
    items = watched(Agent("a"), Speaker("Wro", "ng", AGAIN, "Ri", "ght"))
    shown = [item for item in items if not isinstance(item, Record)]
    at = next(n for n, item in enumerate(shown) if isinstance(item, Retracted))
    assert shown[at] == Retracted("a/think.1", 0)
    assert [(p.attempt, p.text) for p in shown[at + 1 :] if isinstance(p, Piece)] == [(1, "Ri"), (1, "ght")]
    assert told(items) == {"a/think.1": "Right"}


def test_a_failure_takes_back_what_was_shown() -> None:
    """A call that breaks down half-way is retracted before its failure; the next one stands."""
    models = iter([Speaker("Half of", ModelUnavailable("broke down")), Speaker("All of it.")])

    class Next:
        name = "next"

        async def __call__(self, think: Think) -> Message:
            return await next(models)(think)

        async def stream(self, think: Think, tell: Tell) -> Message:
            return await next(models).stream(think, tell)

    items = watched(resilient(Agent("a"), delay=0), Next())
    failed = next(i for i, item in enumerate(items) if isinstance(item, Record) and _failed(item))
    assert any(isinstance(item, Retracted) for item in items[:failed])
    assert list(told(items).values()) == ["All of it."]


def _failed(record: Record) -> bool:
    return isinstance(record.event, Settled) and record.event.failure is not None


def test_who_comes_back_gets_the_text_there_is_and_then_each_piece_once() -> None:
    """A watcher that left and one that comes late both are shown the whole partial text first."""

    async def scene() -> tuple[list[Item], list[Item], int]:
        gate = asyncio.Event()
        async with start(Agent("a"), "go", model=Speaker("Once ", "upon ", gate, "a time.")) as run:
            first = run.stream()
            seen = await _until(first, "Once upon ")
            last = max(_seqs(seen))
            late = run.stream(after=last)
            back = await _until(late, "Once upon ")
            gate.set()
            back += [item async for item in late]
            seen += [item async for item in first]
        return seen, back, last

    first, back, last = asyncio.run(scene())
    assert told(first) == told(back) == {"a/think.1": "Once upon a time."}
    assert back[0] == Piece("a/think.1", 0, 0, "Once upon ")
    assert _seqs(back) == {seq for seq in _seqs(first) if seq > last}


def _seqs(items: list[Item]) -> set[int]:
    return {item.seq for item in items if isinstance(item, Record)}


async def _until(stream: AsyncIterator[Item], text: str) -> list[Item]:
    items: list[Item] = []
    async for item in stream:
        items.append(item)
        if "".join(told(items).values()) == text:
            break
    return items


def test_fifty_watchers_see_the_same() -> None:
    """Each of fifty sees every record and every letter once."""

    async def scene() -> list[list[Item]]:
        async with start(_team(), "go", model=scripted(lambda think: "word " * 30 + think.actor)) as run:
            streams = [run.stream() for _ in range(50)]

            async def all_of(stream: AsyncIterator[Item]) -> list[Item]:
                return [item async for item in stream]

            return await asyncio.gather(*(all_of(stream) for stream in streams))

    seen = asyncio.run(scene())
    assert all(_seqs(items) == _seqs(seen[0]) and told(items) == told(seen[0]) for items in seen)
    assert len(told(seen[0])) == 4


def _team() -> Team:
    members = [Agent(f"m{n}") for n in range(4)]

    async def play(task: Task) -> Message:
        return (await gather(*(member(task) for member in members)))[0]

    return Team("team", members, play)


def test_a_slow_watcher_holds_nobody_up_and_is_told_what_it_missed() -> None:
    """The run ends while a watcher is stuck on its first item; it then gets the records and is told of the rest."""
    long = "x" * (KEPT // 2)
    model = scripted(lambda think: f"{think.actor} {long}")

    async def scene() -> list[Item]:
        async with start(_team(), "go", model=model) as run:
            stream = run.stream()
            items = [await anext(stream)]
            await run.result()  # does not wait for the watcher
            items += [item async for item in stream]
        return items

    items = asyncio.run(scene())
    missed = [item for item in items if isinstance(item, Missed)]
    assert sorted(item.letters for item in missed) == [KEPT // 2 + 3] * 3
    assert [type(item) for item in items[-1:]] == [Record]
    assert [item.event.path for item in items if isinstance(item, Record) and isinstance(item.event, Asked)]


def test_a_stopped_call_is_taken_back() -> None:
    """A cancel retracts what the model had said by then."""

    async def scene() -> list[Item]:
        async with start(Agent("a"), "go", model=Speaker("Half ", asyncio.Event())) as run:
            stream = run.stream()
            items = await _until(stream, "Half ")
            await run.cancel()
            return items + [item async for item in stream]

    items = asyncio.run(scene())
    assert (told(items), isinstance(items[-1], Record)) == ({}, True)


def test_tool_calls_are_told_too() -> None:
    """The arguments of a call are a part of their own, with the tool's name."""

    async def look(city: str) -> str:
        """Look out of the window."""
        return "snow"

    script = scripted([ToolCall("1", "look", {"city": "Oslo"}), "Snow."])
    items = watched(Agent("a", tools=[look]), script)
    pieces = [item for item in items if isinstance(item, Piece)]
    assert pieces[0] == Piece("a/think.1", 0, 0, '{"city":"Oslo"}', "call", 1, "look")


@pytest.mark.parametrize("kind", ["thinking", "text"])
def test_kinds_are_kept(kind: Any) -> None:
    """What a model thinks is told apart from what it says."""
    items = watched(Agent("a"), Speaker(Delta("Hm", kind, 0)))
    assert [item.kind for item in items if isinstance(item, Piece)] == [kind]
