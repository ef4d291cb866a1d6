"""Runs in flight and the code there is now: which of them still fit, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from coterie.actor import Actor
from coterie.errors import CoterieError, Unfit
from coterie.kernel.governed import machine_of
from coterie.kernel.replay import counted, pinned, replay
from coterie.kernel.story import closed, opened, task_of_run
from coterie.ports import Store
from coterie.team import actors, manifest
from coterie.words.event import Opened, Record


class InFlight(Struct, frozen=True, kw_only=True):
    """One run that has not ended: whether it goes on as it is, by a migration, or not at all, and why not."""

    id: str
    actor: str
    fits: bool
    migrates: bool = False
    why: str = ""


def fits(actor: Actor, run: str, records: Sequence[Record]) -> bool:
    """Whether a run goes on with `actor` as it is; False if `actor` accepts the older versions that it has.

    Raises:
        Unfit: if it does neither; the message says what is not the same.
    """
    then, now = pinned(records), manifest(actor)
    if now == then:
        return True
    known = actors(actor)
    changed = sorted(path for path in then if path in now and now[path] != then[path])
    moved = [path for path in changed if then[path] in known[path].accepts]
    others = sorted(set(then) ^ set(now))
    if moved == changed and all(_below(path, moved) for path in others):
        return False
    was = {path: then[path] for path in changed if path not in moved}
    gone = sorted(set(then) - set(now))
    new = sorted(set(now) - set(then))
    raise Unfit(
        f"run {run!r} was opened with another version of this team: changed {sorted(was)}, gone {gone}, new {new}. "
        f"Its versions are {was}. "
        "Resume it with the code that opened it, let the actors accept those versions (`coterie.team.accepting`), "
        "or fork it to go on with this one"
    )


def _below(path: str, accepted: Sequence[str]) -> bool:
    """Whether an actor that came or went stands below one that accepts its older version."""
    return any(path.startswith(f"{above}/") for above in accepted)


async def in_flight(store: Store, actor_of: Callable[[Opened], Actor]) -> list[InFlight]:
    """Every run of a store that has not ended, and how it fits. Nothing is performed, and nothing written."""
    found: list[InFlight] = []
    for seen in await store.runs():
        records = await store.read(seen.id)
        if records and closed(records) is None:
            found.append(_looked(seen.id, records, actor_of))
    return found


def _looked(run: str, records: Sequence[Record], actor_of: Callable[[Opened], Actor]) -> InFlight:
    began = opened(records)
    try:
        actor = actor_of(began)
        same = fits(actor, run, records)
        machine = machine_of(actor, task_of_run(began), began.origin, limits=began.limits)
        replay(machine, counted(records), migrating=not same)
    except CoterieError as error:  # it does not fit, or its team is not to be found or cannot be built
        return InFlight(id=run, actor=began.actor, fits=False, why=str(error))
    return InFlight(id=run, actor=began.actor, fits=True, migrates=not same)
