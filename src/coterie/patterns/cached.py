"""Cached: an answer to the same task is used again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from coterie.actor import Actor, do
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.team import Team, manifest
from coterie.tool import Tool
from coterie.words.digest import digest_of
from coterie.words.effect import Claim, Now
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.usage import NOTHING


class Answers(Protocol):
    """Where answers are kept: plain data by key. Both methods are journaled steps, repeated after a crash."""

    async def get(self, key: str, now: float) -> Any:
        """What is kept under `key` and was not too old at `now`, in seconds; None if there is nothing."""
        ...

    async def put(self, key: str, answer: Any, until: float | None) -> None:
        """Keep `answer` until a time, in seconds since the epoch."""
        ...


class Cache:
    """Answers in memory, shared by whoever has this object: of `most`, the longest unused goes first."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[Any, float | None]] = OrderedDict()

    async def get(self, key: str, now: float) -> Any:
        answer, until = self._kept.get(key, (None, None))
        with suppress(KeyError):  # another thread may have taken it out just now
            if until is not None and until <= now:
                del self._kept[key]
                return None
            if answer is not None:
                self._kept.move_to_end(key)
        return answer

    async def put(self, key: str, answer: Any, until: float | None) -> None:
        self._kept[key] = (answer, until)
        with suppress(KeyError):
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def cached(
    actor: Actor,
    *,
    key: Callable[[Task], str] | None = None,
    ttl: float | None = None,
    store: Answers | None = None,
    name: str = "cached",
) -> Team:
    """A team that gives the answer that `actor` gave to the same task before, if there is one.

    The same task (default) is the same text, context and data; `key` makes a name of a task instead. Only
    an answer of the same version of `actor` is used. It is kept for `ttl` seconds in `store` (default: a
    `Cache` of this team). Two who ask at once in one run ask once. An answer that is unverified, or lacks
    somebody's part, is not kept, and a failure never. A cached answer costs no request and no tokens, and
    the journal shows where it came from: the step `get` gave it, and nobody was asked. `parts` is the answer.

    Raises:
        BadInput: if `ttl` is not above 0.
    """
    if ttl is not None and ttl <= 0:
        raise BadInput(f"cached {name!r}: ttl is above 0 seconds, not {ttl}")
    kept = Cache() if store is None else store

    get, put = (
        Tool(step, name=step.__name__, idempotent=True, trusted=True) for step in (kept.get, kept.put)
    )

    async def play(task: Task) -> Message:
        named = _key(actor, task, key)
        await Claim(f"cached/{named}")  # given back when this ends, however it ends
        found = await do(get, named, await Now())
        if found is None:
            said = await actor(task)
            if not said.unverified and not said.missing:
                until = None if ttl is None else await Now() + ttl
                await do(put, named, to_plain(replace(said, usage=NOTHING)), until)
        else:
            said = msgspec.convert(found, Message)
        return replace(said, sender=name, parts=(said,), missing=said.missing)

    return Team(name, [actor], play, settings={"key": key and label(key), "ttl": ttl}, calls=[each(1, actor)])


def _key(actor: Actor, task: Task, key: Callable[[Task], str] | None) -> str:
    """The name of a task for a version of an actor."""
    context = b"" if task.context is None else task.context.digest
    named = [task.text, context, to_plain(task.data)] if key is None else key(task)
    return digest_of([manifest(actor), named]).hex()[:32]
