"""Schedules: runs that begin other runs, again and again, by a cron expression.

Theory of operation
===================

1. A schedule is a run: it sleeps until the next time, begins what it is for, and is renewed once in a while. So it is
   kept, parked, paused, cancelled, listed and looked at as any other, and needs no scheduler.
2. Each time has one run, called after the schedule and the time. A schedule has one writer, and what is begun by name
   is begun once; so it is one, however many services and workers there are.
3. When it wakes long after its time, because nobody was there or it was paused, what it missed is skipped, or made
   up for by one run, as it says. Then it goes on from now.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from coterie.actor import do
from coterie.errors import BadInput
from coterie.kernel.story import opened
from coterie.kernel.values import to_plain
from coterie.shell.cron import cron, zone_of
from coterie.shell.host import Host
from coterie.shell.job import new_id
from coterie.team import Team
from coterie.tool import tool
from coterie.words.effect import Now, Sleep
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
    """A schedule as it stands: which run it is, in which state, and when it is due next."""

    run: str
    schedule: Scheduled
    status: str
    due: float | None


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


async def schedules(host: Host) -> list[Kept]:
    """The schedules of a host's store, by name."""
    found = [await _kept(host, one) for one in await host.runs(Which(team=NAME, statuses=LEFT))]
    return sorted(found, key=lambda one: one.schedule.name)


async def add(host: Host, what: Scheduled, by: Principal | None = None) -> Kept:
    """Begin a schedule.

    Raises:
        BadInput: if it cannot be kept, or there is one of that name.
    """
    what.checked()
    if any(one.schedule.name == what.name for one in await schedules(host)):
        raise BadInput(
            f"there is a schedule {what.name!r} already: remove it first, or call this one otherwise"
        )
    task = Task(f"{what.name}: {what.cron} ({what.zone}) {what.team}", data=to_plain(what))
    run = await host.begin(
        SCHEDULE, task, id=f"{NAME}-{what.name}-{new_id()}", origin=ORIGIN, by=by, at=host.clock()
    )
    return await named(host, what.name, run)


async def named(host: Host, name: str, run: str = "") -> Kept:
    """The schedule of that name.

    Raises:
        BadInput: if there is none.
    """
    for one in await schedules(host):
        if one.schedule.name == name and run in ("", one.run):
            return one
    raise BadInput(f"there is no schedule {name!r}; `coterie schedule list` lists them")


async def pause(host: Host, name: str) -> None:
    """Begin nothing by a schedule until it is resumed.

    Raises:
        BadInput: if there is none of that name.
    """
    await host.pause((await named(host, name)).run, "paused")


async def resume(host: Host, name: str) -> None:
    """Go on with a schedule that was paused; what it missed is as it says.

    Raises:
        BadInput: if there is none of that name.
    """
    kept = await named(host, name)
    if kept.status != "running":
        await host.resume(kept.run)


async def remove(host: Host, name: str) -> None:
    """End a schedule; what it has begun goes on.

    Raises:
        BadInput: if there is none of that name.
    """
    await host.cancel((await named(host, name)).run, "removed")


async def _kept(host: Host, seen: Overview) -> Kept:
    data: Mapping[str, Any] = opened(await host.journal(seen.id)).data
    what = msgspec.convert(data, Scheduled)
    due = cron(what.cron).after(host.clock(), what.zone) if seen.status == "running" else None
    return Kept(run=seen.id, schedule=what, status=seen.status, due=due)
