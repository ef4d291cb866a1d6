"""Retention: what was said in runs is taken out for good, and whole runs are let go of once nobody needs them.

Only runs that have ended are touched, each held while it is. A conversation goes as a whole: of a session, a turn stays
as long as a later one does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable

from coterie.errors import BadInput, Busy, UnknownRun
from coterie.kernel.story import ENDED, closed
from coterie.ports import Keeper, Lease, Store
from coterie.shell.audit import Archive
from coterie.wire.redaction import mentioning
from coterie.words.event import Signalled
from coterie.words.pruned import Pruned
from coterie.words.result import Overview
from coterie.words.retention import Retention
from coterie.words.which import Which

AT_ONCE = 100
"""Runs that are let go of in one transaction."""
EVERY = 3_600.0
"""Seconds between two looks of a service or a worker."""
_TURN = re.compile(r"(.+)\.([1-9][0-9]*)")


async def redact(
    store: Store,
    id: str,
    events: Collection[int] = (),
    *,
    text: str = "",
    all: bool = False,
    by: str = "",
    why: str = "",
) -> Signalled:
    """Take out what `events` of a run said, or those that say `text`, or all; the event that tells of it.

    What is left can be read, listed and verified, and not gone on with.

    Raises:
        UnknownRun: if the store has no such run.
        BadInput: if it has not ended, has no such event, or nothing of it says that; or if the store cannot.
        Busy: if somebody works on it.
    """
    keeper = _keeper(store)
    if not (events or text or all):
        raise BadInput("what is to be taken out? Name events, a text that they say, or all of them")
    lease = await store.claim(id)
    try:
        records = await store.read(id)
        if not records:
            raise UnknownRun(f"no run {id!r} in this store; `coterie runs` lists them")
        if closed(records) is None:
            raise BadInput(f"run {id!r} has not ended: cancel it first, then take out what it said")
        chosen = {*events, *(range(len(records)) if all else ())}
        if text:
            chosen |= await _saying(store, id, text)
        return await keeper.redact(lease, chosen, by, why, time.time())
    finally:
        await store.release(lease)


async def _saying(store: Store, id: str, text: str) -> set[int]:
    """The events that say a text.

    Raises:
        BadInput: if none does, or the store keeps nothing that could be looked through.
    """
    if not isinstance(store, Archive):
        raise BadInput(f"a {type(store).__name__} cannot be searched for a text: name the events")
    kept = await store.kept(id)
    found = mentioning(kept.pages, text, kept.contents.get)
    if not found:
        raise BadInput(f"nothing in run {id!r} says that")
    return found


async def due(store: Store, rule: Retention, *, now: float | None = None) -> list[Overview]:
    """The runs that a rule lets go of now, the newest first.

    Raises:
        BadInput: if one of its statuses is none that a run ends with.
    """
    if unknown := sorted(set(rule.statuses) - ENDED):
        raise BadInput(f"no run ends as {unknown[0]!r}: {', '.join(sorted(ENDED))}")
    before = (time.time() if now is None else now) - rule.older
    ended = await store.runs(Which(statuses=rule.statuses or tuple(sorted(ENDED))))
    old = [seen for seen in ended[rule.keep :] if seen.updated < before]
    stays = await _in_use(store, old)
    return [seen for seen in old if seen.id not in stays]


async def _in_use(store: Store, old: Iterable[Overview]) -> set[str]:
    """Turns of sessions that go on: a later turn of theirs stays."""
    turns: dict[str, set[int]] = {}
    for seen in old:
        if found := _TURN.fullmatch(seen.id):
            turns.setdefault(found[1], set()).add(int(found[2]))
    stays: set[str] = set()
    for session, numbers in turns.items():
        if await store.read(f"{session}.{max(numbers) + 1}"):
            stays |= {f"{session}.{number}" for number in numbers}
    return stays


async def prune(
    store: Store, rule: Retention, *, by: str = "", why: str = "", now: float | None = None
) -> list[Pruned]:
    """Let go of the runs that `rule` says, and of what only they needed; what is left of each.

    A run that somebody holds, or has gone on with meanwhile, is left alone.

    Raises:
        BadInput: if one of the rule's statuses is none, or the store cannot let go of anything.
    """
    keeper, gone = _keeper(store), list[Pruned]()
    at = time.time() if now is None else now
    old = [seen.id for seen in await due(store, rule, now=at)]
    for first in range(0, len(old), AT_ONCE):
        held = [lease for id in old[first : first + AT_ONCE] if (lease := await _held(store, id))]
        try:
            gone += await keeper.prune(held, by, why, at)
        finally:
            for lease in held:
                await store.release(lease)
    return gone


async def _held(store: Store, id: str) -> Lease | None:
    """The lease of a run that has ended; None if somebody holds it, or it goes on."""
    try:
        lease = await store.claim(id)
    except Busy:
        return None
    if closed(await store.read(id)) is not None:
        return lease
    await store.release(lease)
    return None


class Keeping:
    """A rule that is applied again and again, to every store there is (see `shell.alarm`)."""

    def __init__(self, stores: Callable[[], Iterable[Store]], rule: Retention) -> None:
        self._stores = stores
        self._rule = rule

    async def ring(self) -> int:
        """Let go of what the rule says; how many runs that were."""
        return sum([len(await prune(one, self._rule, by="retention")) for one in list(self._stores())])


def _keeper(store: Store) -> Keeper:
    if not isinstance(store, Keeper):
        raise BadInput(f"a {type(store).__name__} cannot let go of anything: it has no `redact` and `prune`")
    return store
