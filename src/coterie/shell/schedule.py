"""Schedules: runs that begin other runs, again and again, by a cron expression.

Theory of operation
===================

1. A schedule is a run: it sleeps until the next time, begins what it is for, and is renewed once in a while. So it is
   kept, parked, paused, cancelled, listed and looked at as any other, and needs no scheduler.
2. Each time has one run, called after the schedule and the time. A schedule has one writer, and what is begun by name
   is begun once; so it is one, however many services and workers there are.
3. When it wakes long after its time, because nobody was there or it was paused, what it missed is skipped, or made
   up for by one run, as it says. Then it goes on from now.
4. A run cannot be changed, so a schedule that is changed is another run: the next version of it. Runs are called after
   name and version, and an id is given once; so of two who add or change one at the same time, one does.
"""

from __future__ import annotations

import time
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from coterie.actor import do
from coterie.errors import BadInput, Busy, Changed, UnknownRun
from coterie.kernel.story import opened
from coterie.kernel.values import to_plain
from coterie.shell.cron import cron, zone_of
from coterie.shell.host import Host
from coterie.shell.job import new_id
from coterie.team import Team
from coterie.tool import tool
from coterie.words.effect import Now, Sleep
from coterie.words.event import Opened
from coterie.words.limits import DEFAULT
from coterie.words.principal import Principal
from coterie.words.result import Overview
from coterie.words.start import Begin, Renew
from coterie.words.task import Task
from coterie.words.which import Which

NAME = "schedule"
ORIGIN: Final = {"team": "coterie.shell.schedule:SCHEDULE", "name": NAME}
"""Where a schedule's own actor comes from."""
LATE = 60.0
"""Seconds after which a time was missed."""
TIMES = 100
"""Times after which a schedule begins a fresh journal."""
LEFT = ("running", "waiting", "paused", "interrupted", "stuck", "failed", "needs_migration")
"""How a schedule stands that was not removed."""


class Scheduled(Struct, frozen=True, kw_only=True):
    """What is to be run when: a cron expression by the clocks of a zone, and a team with its task.

    `origin` says where the team comes from. Of what was missed nothing is made up for (`skip`), or the newest (`once`).
    """

    name: str
    cron: str
    team: str
    task: str = ""
    zone: str = "UTC"
    missed: Literal["skip", "once"] = "skip"
    origin: dict[str, Any] = {}
    limits: dict[str, Any] = {}

    def checked(self) -> Scheduled:
        """This, if it can be kept.

        Raises:
            BadInput: for a name, a cron expression, a zone or a limit that is none.
        """
        if not self.name.replace("-", "").replace("_", "").isalnum() or len(self.name) > 63:
            raise BadInput(f"{self.name!r} cannot name a schedule: letters, digits, - and _, at most 63")
        zone_of(self.zone)
        cron(self.cron)
        try:
            DEFAULT.raised(self.limits)
        except ValueError as error:
            raise BadInput(str(error)) from error
        return self


class Kept(Struct, frozen=True, kw_only=True):
    """A schedule as it stands: which run it is, in which state, when it is due next, and who wrote this version."""

    run: str
    schedule: Scheduled
    status: str
    due: float | None
    version: int = 0
    by: str = ""


@tool(idempotent=True, trusted=True)
def next_time(expression: str, zone: str, moment: float) -> float:
    """The next time of a cron expression after a moment: journaled, because the rules of zones change."""
    return cron(expression).after(moment, zone)


async def _play(task: Task) -> str:
    what = msgspec.convert(task.data, Scheduled)
    for _ in range(TIMES):
        now = await Now()
        due: float = await do(next_time, what.cron, what.zone, now)
        await Sleep(max(0.0, due - now))
        if what.missed == "once" or await Now() - due < LATE:
            await Begin(
                what.team,
                what.task,
                limits=DEFAULT.raised(what.limits),
                origin=what.origin,
                called=called(what.name, due),
            )
    return str(await Renew(task))


SCHEDULE = Team(NAME, (), _play)


def called(name: str, due: float) -> str:
    """What the run of a schedule is called that is due at a time."""
    return f"{name}-{time.strftime('%Y%m%dT%H%MZ', time.gmtime(due))}"


def times(what: Scheduled, after: float, count: int) -> list[float]:
    """The next times of a schedule after a moment."""
    expression, found = cron(what.cron), list[float]()
    for _ in range(count):
        found.append(expression.after(found[-1] if found else after, what.zone))
    return found


async def schedules(host: Host) -> list[Kept]:
    """The schedules of a host's store, by name."""
    newest = {one.schedule.name: one for one in sorted(await _alive(host), key=lambda one: one.version)}
    return sorted(newest.values(), key=lambda one: one.schedule.name)


async def named(host: Host, name: str) -> Kept:
    """The schedule of that name.

    Raises:
        UnknownRun: if there is none.
    """
    for one in await schedules(host):
        if one.schedule.name == name:
            return one
    raise UnknownRun(f"there is no schedule {name!r}; `coterie schedule list` lists them")


async def add(host: Host, what: Scheduled, by: Principal | None = None) -> Kept:
    """Begin a schedule.

    Raises:
        BadInput: if it cannot be kept.
        Busy: if there is one of that name, or somebody else adds it now.
    """
    what.checked()
    ever = [_version(one.id) for one in await host.runs(Which(team=NAME)) if _is_of(one.id, what.name)]
    taken = f"there is a schedule {what.name!r} already: remove it first, or call this one otherwise"
    if any(one.schedule.name == what.name for one in await schedules(host)):
        raise Busy(taken)
    try:
        return await _begun(host, what, 1 + max(ever, default=0), by)
    except Busy as error:
        raise Busy(taken) from error


async def change(host: Host, what: Scheduled, version: int, by: Principal | None = None) -> Kept:
    """Have the schedule of that name be another from now on, if it is in that version; one that is paused stays so.

    Raises:
        BadInput: if it cannot be kept.
        UnknownRun: if there is none of that name.
        Changed: if it is in another version. Nothing was changed.
    """
    what.checked()
    old = await _only(host, what.name)
    changed = f"schedule {what.name!r} is not in version {version} any more: read it again"
    if old.version != version:
        raise Changed(changed)
    try:
        new = await _begun(host, what, version + 1, by)
    except Busy as error:
        raise Changed(changed) from error
    if old.status == "paused":
        await host.pause(new.run, "paused")
    await host.cancel(old.run, "changed")
    return await named(host, what.name)


async def pause(host: Host, name: str) -> None:
    """Begin nothing by a schedule until it is resumed.

    Raises:
        UnknownRun: if there is none of that name.
    """
    await host.pause((await _only(host, name)).run, "paused")


async def resume(host: Host, name: str) -> None:
    """Go on with a schedule that was paused; what it missed is as it says.

    Raises:
        UnknownRun: if there is none of that name.
    """
    kept = await _only(host, name)
    if kept.status != "running":
        await host.resume(kept.run)


async def remove(host: Host, name: str, version: int | None = None) -> None:
    """End a schedule, if it is in that version (default: in any); what it has begun goes on.

    Raises:
        UnknownRun: if there is none of that name.
        Changed: if it is in another version.
    """
    kept = await _only(host, name)
    if version not in (None, kept.version):
        raise Changed(f"schedule {name!r} is not in version {version} any more: read it again")
    await host.cancel(kept.run, "removed")


async def begin(
    host: Host, name: str, by: Principal | None = None, *, id: str | None = None, at: float | None = None
) -> str:
    """Begin what a schedule is for, now, or `at` a time if somebody rings; the id of the run.

    Raises:
        UnknownRun: if there is none of that name.
        Denied: if the policy does not let `by` run it.
        Busy: if there is a run of that id.
    """
    what = (await named(host, name)).schedule
    actor = host.found(Opened(run="", actor=what.team, task=what.task, origin=what.origin))
    origin = what.origin if by is None else {**what.origin, "by": by.name}
    limits = DEFAULT.raised(what.limits)
    id = id or f"{name}-{new_id()}"
    return await host.begin(actor, what.task, id=id, origin=origin, limits=limits, by=by, at=at)


async def _begun(host: Host, what: Scheduled, version: int, by: Principal | None) -> Kept:
    """Begin a version of a schedule.

    Raises:
        Busy: if there is one.
    """
    task = Task(f"{what.name}: {what.cron} ({what.zone}) {what.team}", data=to_plain(what))
    origin = ORIGIN if by is None else {**ORIGIN, "by": by.name}
    id = f"{NAME}-{what.name}.{version}"
    await host.begin(SCHEDULE, task, id=id, origin=origin, by=by, at=host.clock())
    [seen] = await host.runs(Which(id=id))
    return _kept(host, seen, opened(await host.journal(id)))


async def _only(host: Host, name: str) -> Kept:
    """The schedule of that name; a version that it is no more, whose end somebody died over, is ended.

    Raises:
        UnknownRun: if there is none.
    """
    newest = await named(host, name)
    for one in await _alive(host):
        if one.schedule.name == name and one.version < newest.version:
            await host.cancel(one.run, "changed")
    return newest


async def _alive(host: Host) -> list[Kept]:
    """Every version of every schedule that was not ended."""
    found: list[Kept] = []
    for seen in await host.runs(Which(team=NAME, statuses=LEFT)):
        began = opened(await host.journal(seen.id))
        if began.origin.get("team") == ORIGIN["team"]:  # and not somebody's own team of that name
            found.append(_kept(host, seen, began))
    return found


def _is_of(run: str, name: str) -> bool:
    """Whether a run is a version of the schedule of that name."""
    return run.startswith(f"{NAME}-{name}.")


def _version(run: str) -> int:
    """The version of a schedule that a run is, as its id says: `schedule-NAME.VERSION`, with `~2` if renewed."""
    number = run.partition("~")[0].rpartition(".")[2]
    return int(number) if number.isdigit() else 0


def _kept(host: Host, seen: Overview, began: Opened) -> Kept:
    what = msgspec.convert(began.data, Scheduled)
    due = cron(what.cron).after(host.clock(), what.zone) if seen.status == "running" else None
    by = str(began.origin.get("by", ""))
    return Kept(run=seen.id, schedule=what, status=seen.status, due=due, version=_version(seen.id), by=by)
