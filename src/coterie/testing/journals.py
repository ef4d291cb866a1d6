"""Journals to prove stores with: their records, how they are written, and how two of them compare."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, TypeVar

from coterie.errors import StoreError, Unstorable
from coterie.ports import Lease, Store
from coterie.words.effect import Ask, Effect, Sleep, Use, body_of, kind_of
from coterie.words.event import Asked, Event, Noted, Opened, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.usage import Usage

P = TypeVar("P")
TIME = 1_700_000_000.25


def opening(run: str) -> Opened:
    """How a journal begins."""
    return Opened(run=run, actor="team", task="a task", data={"n": 1}, manifest={"team": "0a"})


def numbered(events: Sequence[Event], start: int = 0) -> list[Record]:
    """Events as the lines of a journal from number `start` on."""
    return [Record(start + n, TIME + start + n, event) for n, event in enumerate(events)]


async def written(store: Store, run: str, *batches: Sequence[Event]) -> Lease:
    """A run with `batches` after its opening, each one append; its lease is still held."""
    lease = await store.claim(run)
    await store.append(lease, numbered([opening(run)]))
    at = 1
    for batch in batches:
        await store.append(lease, numbered(batch, at))
        at += len(batch)
    return lease


def seen(records: Sequence[Record]) -> list[Any]:
    """Records as they compare: an effect is the same as what a journal remembers of it."""
    return [(record.seq, record.time, _seen(record.event)) for record in records]


def _seen(event: Event) -> Any:
    if not isinstance(event, Asked):
        return event
    effect: Effect[Any] = event.effect
    return (event.path, kind_of(effect), body_of(effect))


def in_loop(test: Callable[[P, Store], Coroutine[Any, Any, None]]) -> Callable[[P, Store], None]:
    """A test in a loop of its own, with the store closed at the end."""

    @wraps(test)
    def run(self: P, store: Store) -> None:
        async def scene() -> None:
            try:
                await test(self, store)
            finally:
                await store.close()

        asyncio.run(scene())

    return run


async def refused(work: Awaitable[Any], *kinds: type[StoreError | Unstorable]) -> None:
    """See that `work` raises one of `kinds`."""
    try:
        await work
    except kinds:
        return
    raise AssertionError(f"{' or '.join(kind.__name__ for kind in kinds)} was not raised")


MOMENTS: list[Event] = [
    Noted("team", "entered", "a task"),
    Asked("team/sleep.1", Sleep(1.5)),
    Asked("team/pay.1", Use("pay", {"args": [1, {"to": "Ada"}]})),
    Asked("team/ask.1", Ask("Shall I?", "approval", ("yes", "no"))),
    Settled("team/sleep.1"),
    Settled("team/pay.1", {"paid": True, "list": [1, None, 2.5, "é"]}, None, Usage(tool_calls=1)),
    Settled(
        "team/ask.1",
        failure=Failure(kind="Late", message="too late", path="team/ask.1", retryable=True, retry_after=2.5),
    ),
    Noted("team", "put", "key", [1, 2]),
    Signalled("message", "topic", {"hello": "world"}),
    Signalled("resume", value=[3, 4]),
]
