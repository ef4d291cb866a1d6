"""Moving runs from one store to another: from a file to a server, when one machine is not enough, or back.

Theory of operation
===================

1. A run is claimed where it is, so that nobody performs it meanwhile; one that somebody performs stays, and is named.
2. It is written to the other store page by page as it is, in one transaction, and checked there by its own chain.
3. Only then is it let go of where it was, which leaves a line that says when and where to. So whatever is killed in
   between, each run is in one of the stores whole, and doing it again goes on.
"""

from __future__ import annotations

from msgspec import Struct

from coterie.errors import Busy, Corrupt
from coterie.kernel.story import ENDED, wakes
from coterie.ports import Ledgers
from coterie.stores.places import KeptStore
from coterie.words.result import Overview


class Moved(Struct, frozen=True):
    """What became of a run: it is at the new place, or why it stays."""

    run: str
    why: str = ""


async def move(
    source: KeptStore,
    target: KeptStore,
    *,
    at: float,
    where: str,
    by: str = "",
    copy: bool = False,
) -> list[Moved]:
    """Move every run of `source` to `target`, the oldest first; `at` is now, and `where` what `target` is called.

    With `copy`, runs that have ended are written there and stay here, too, and others only stay: one run must not
    go on at two places.

    Raises:
        Corrupt: if a run is not what was written, here or there. It stays here.
    """
    return [
        await _moved(source, target, seen, copy=copy, at=at, by=by, where=where)
        for seen in reversed(await source.runs())
    ]


async def _moved(
    source: KeptStore, target: KeptStore, seen: Overview, *, copy: bool, at: float, by: str, where: str
) -> Moved:
    if copy and seen.status not in ENDED:
        return Moved(seen.id, f"it is {seen.status}, and one run must not go on at two places")
    try:
        lease = await source.claim(seen.id)
    except Busy as error:
        return Moved(seen.id, error.message)
    try:
        if why := await _written(source, target, seen):
            return Moved(seen.id, why)
        if not copy:
            await source.prune([lease], by, f"moved to {where}", at)
    finally:
        await source.release(lease, wakes(await source.read(seen.id)))
    return Moved(seen.id)


async def _written(source: KeptStore, target: KeptStore, seen: Overview) -> str:
    """Have a run at the other store as it is here; why not, if it cannot be."""
    kept, there = await source.kept(seen.id), await target.kept(seen.id)
    if there.pages and [page.hash for page in there.pages] != [page.hash for page in kept.pages]:
        return "another run of that name is there"
    if not there.pages:
        await target.adopt(seen.id, kept)
    if problems := [*await source.verify(seen.id), *await target.verify(seen.id)]:
        raise Corrupt(f"run {seen.id!r} stays where it is: {'; '.join(problems)}")
    for said in (await source.said(seen.id))[len(await target.said(seen.id)) :]:
        await target.signal(seen.id, said)
    if (wake := wakes(await target.read(seen.id))) is not None:
        await target.wake(seen.id, wake)
    return ""


async def move_ledgers(source: Ledgers, target: Ledgers, *, copy: bool = False) -> int:
    """Move what is kept beside journals, each entry with its time; how many ledgers that were.

    What is there already stays.
    """
    heads = await source.heads("")
    for name, _ in heads:
        last = await target.last(name)
        for entry in await source.read(name, after=-1 if last is None else last.seq):
            await target.append(name, entry.body, at=entry.seq, when=entry.time)
        if not copy:
            await source.drop(name)
    return len(heads)
