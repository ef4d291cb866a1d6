"""Runs in flight and the code there is now: which of them still fit, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from coterie.actor import Actor
from coterie.errors import CoterieError, Unfit
from coterie.kernel.governed import machine_of
from coterie.kernel.moves import MOVED, past, told
from coterie.kernel.replay import counted, pinned, replay
from coterie.kernel.story import closed, opened, task_of_run
from coterie.kernel.values import to_plain
from coterie.ports import Store
from coterie.team import actors, manifest
from coterie.words.event import Opened, Record, Signalled
from coterie.words.moves import Migrate, Moves, Past


class InFlight(Struct, frozen=True, kw_only=True):
    """One run that has not ended: whether it goes on as it is, by a migration, or not at all, and why not.

    `by` are the actors, as the manifest names them, whose migrations say how its past is read.
    """

    id: str
    actor: str
    fits: bool
    migrates: bool = False
    by: tuple[str, ...] = ()
    why: str = ""


class Fit(Struct, frozen=True, kw_only=True):
    """How a run goes on with the code there is: by which records, and what is written of a migration."""

    records: list[Record]
    migrating: bool
    moved: list[Signalled]


def fit(actor: Actor, run: str, records: Sequence[Record], kept: Sequence[Record]) -> Fit:
    """How a run goes on with `actor`: `records` is its journal, `kept` what of that still counts.

    Raises:
        Unfit: if it does not; the message says what is not the same, or which migration failed.
    """
    now: list[Record] = list(kept)
    if fits(actor, run, records):
        return Fit(records=now, migrating=False, moved=[])
    moved: list[Signalled] = []
    then, known = pinned(records), actors(actor)
    for path, one in known.items():
        if migrate := one.migrations.get(then.get(path, "")):
            said = _said(run, path, migrate, past(told(now).records))
            moved.append(Signalled(MOVED, path, to_plain(said)))
            now.append(Record(len(records) + len(moved) - 1, now[-1].time, moved[-1]))
    return Fit(records=now, migrating=True, moved=moved)


def _said(run: str, path: str, migrate: Migrate, steps: list[Past]) -> Moves:
    """What a migration says of the past of a run.

    Raises:
        Unfit: if it fails, or says nothing that could be followed.
    """
    try:
        said: Any = migrate(steps)
    except Exception as error:  # somebody's code meets the shell here, and may throw anything
        raise Unfit(
            f"run {run!r}: the migration of {path!r} failed: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(said, Moves):
        raise Unfit(f"run {run!r}: the migration of {path!r} gives Moves, not {type(said).__name__}")
    return said


def fits(actor: Actor, run: str, records: Sequence[Record]) -> bool:
    """Whether a run goes on with `actor` as it is; False if it goes on by a migration of the versions that it has.

    Raises:
        Unfit: if it does neither; the message says what is not the same.
    """
    then, now = pinned(records), manifest(actor)
    if now == then:
        return True
    known = actors(actor)
    changed = sorted(path for path in then if path in now and now[path] != then[path])
    moving = [path for path in changed if then[path] in known[path].migrations]
    moved = [
        path
        for path in changed
        if then[path] in known[path].accepts or path in moving or _below(path, moving)
    ]
    others = sorted(set(then) ^ set(now))
    if moved == changed and all(_below(path, moved) for path in others):
        return False
    was = {path: then[path] for path in changed if path not in moved}
    gone = sorted(set(then) - set(now))
    new = sorted(set(now) - set(then))
    raise Unfit(
        f"run {run!r} was opened with another version of this team: changed {sorted(was)}, gone {gone}, new {new}. "
        f"Its versions are {was}. "
        "Resume it with the code that opened it, let the actors accept those versions or say how its past is read "
        "(`coterie.team.accepting`, `migrating`), or fork it to go on with this one"
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
        how = fit(actor, run, records, counted(records))
        machine = machine_of(actor, task_of_run(began), began.origin, limits=began.limits)
        replay(machine, how.records, migrating=how.migrating)
    except CoterieError as error:  # it does not fit, or its team is not to be found or cannot be built
        return InFlight(id=run, actor=began.actor, fits=False, why=str(error))
    by = tuple(one.about for one in how.moved)
    return InFlight(id=run, actor=began.actor, fits=True, migrates=how.migrating, by=by)
