"""Schedules: teams that are run again and again, each kept under a name of its tenant."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from coterie.doors.http.api.kept import After
from coterie.doors.http.api.runs import origin_for, run_shown
from coterie.doors.http.api.shapes import Caps, NewRun, RunShown
from coterie.doors.http.api.timed import NewSchedule, ScheduleChange, ScheduleShown, Times, TimesFilter
from coterie.doors.http.operations import Call, Operations, Some, Tagged
from coterie.errors import Busy
from coterie.shell import schedule as timetable
from coterie.shell.schedule import Kept, Scheduled

operations = Operations()
TOLD = ("team", "options", "model")
"""What of a schedule says whom it runs."""


@operations.add("GET", "/v1/schedules", needs="viewer", query=After, gives=list[ScheduleShown], tagged=True)
async def list_schedules(call: Call) -> Some:
    """The schedules by name, and when each is due; `Link` says where the next page is."""
    wanted: After = call.query
    found = [one for one in await timetable.schedules(call.host) if one.schedule.name > wanted.after]
    page, more = found[: wanted.limit], len(found) > wanted.limit
    return Some([schedule_shown(one) for one in page], page[-1].schedule.name if more else None)


@operations.add(
    "POST",
    "/v1/schedules",
    needs="operator",
    body=NewSchedule,
    gives=ScheduleShown,
    status=201,
    problems=(404, 409),
)
async def create_schedule(call: Call) -> Tagged:
    """Have a team run whenever a cron expression says; its name is taken once, whoever else asks for it now."""
    what = await _scheduled(call, call.body)
    return _tagged(await timetable.add(call.host, what, call.by))


@operations.add(
    "GET", "/v1/schedules/{name}", needs="viewer", gives=ScheduleShown, problems=(404,), tagged=True
)
async def show_schedule(call: Call) -> Tagged:
    """One schedule, and when it is due; its `ETag` begins with its version."""
    return _tagged(await timetable.named(call.host, call.path["name"]))


@operations.add(
    "PATCH",
    "/v1/schedules/{name}",
    needs="operator",
    body=ScheduleChange,
    gives=ScheduleShown,
    problems=(404, 412, 428),
    headers=("If-Match",),
)
async def change_schedule(call: Call) -> Tagged:
    """Change a schedule from now on, if it is still the version that `If-Match` names; one that is paused stays so."""
    now = await timetable.named(call.host, call.path["name"])
    version = now.version if call.version is None else call.version
    given = {name: value for name, value in asdict(call.body).items() if value is not msgspec.UNSET}
    if any(name in given for name in TOLD):
        what = await _scheduled(call, msgspec.convert({**_written(now, given), **given}, NewSchedule))
    else:
        caps = {"limits": _limits(given["limits"])} if "limits" in given else {}
        origin = {**now.schedule.origin, "by": call.by.name}
        what = replace(now.schedule, **{**given, **caps, "origin": origin})
    return _tagged(await timetable.change(call.host, what, version, call.by))


@operations.add(
    "DELETE",
    "/v1/schedules/{name}",
    needs="operator",
    status=204,
    problems=(404, 412, 428),
    headers=("If-Match",),
)
async def delete_schedule(call: Call) -> None:
    """End a schedule, if it is still the version that `If-Match` names; what it has begun goes on."""
    await timetable.remove(call.host, call.path["name"], call.version)


@operations.add("POST", "/v1/schedules/{name}/pause", needs="operator", gives=ScheduleShown, problems=(404,))
async def pause_schedule(call: Call) -> Tagged:
    """Begin nothing by a schedule until it is resumed."""
    await timetable.pause(call.host, call.path["name"])
    return await show_schedule(call)


@operations.add(
    "POST", "/v1/schedules/{name}/resume", needs="operator", gives=ScheduleShown, problems=(404, 409)
)
async def resume_schedule(call: Call) -> Tagged:
    """Go on with a schedule that was paused; of what it missed becomes what it says."""
    await timetable.resume(call.host, call.path["name"])
    return await show_schedule(call)


@operations.add(
    "GET", "/v1/schedules/{name}/times", needs="viewer", query=TimesFilter, gives=Times, problems=(404,)
)
async def schedule_times(call: Call) -> Times:
    """The next times of a schedule, as if it were not paused."""
    wanted: TimesFilter = call.query
    what = (await timetable.named(call.host, call.path["name"])).schedule
    after = call.host.clock() if wanted.after is None else wanted.after
    return Times(times=timetable.times(what, after, wanted.count))


@operations.add(
    "POST",
    "/v1/schedules/{name}/run",
    needs="operator",
    gives=RunShown,
    status=201,
    problems=(404, 409, 503),
    headers=("Idempotency-Key",),
)
async def run_schedule(call: Call) -> RunShown:
    """Begin what a schedule is for, now. The same `Idempotency-Key` gives the same run."""
    name, key = call.path["name"], call.request.headers.get("idempotency-key", "")
    id = f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}" if key else None
    try:
        id = await timetable.begin(call.host, name, call.by, id=id)
    except Busy:
        if id is None:
            raise
    return await run_shown(call, id)


def schedule_shown(one: Kept) -> ScheduleShown:
    """A schedule as a client sees it."""
    what = one.schedule
    return ScheduleShown(
        name=what.name,
        version=one.version,
        cron=what.cron,
        zone=what.zone,
        team=what.origin.get("name", what.team),
        task=what.task,
        missed=what.missed,
        options=what.origin.get("options", {}),
        model=what.origin.get("model"),
        limits=what.limits,
        status=one.status,
        due=one.due,
        run=one.run,
        by=one.by,
    )


async def _scheduled(call: Call, new: NewSchedule) -> Scheduled:
    """A schedule as it is kept, of a team that is offered or was written here.

    Raises:
        Denied: if the policy of the service does not let who asks run that team.
    """
    asked = NewRun(task=new.task, team=new.team, options=new.options, model=new.model)
    origin = await origin_for(call, asked)
    actor = call.service.library.actor(origin)
    call.permitted("run", actor.name)
    return Scheduled(
        name=new.name,
        cron=new.cron,
        team=actor.name,
        task=new.task,
        zone=new.zone,
        missed=new.missed,
        origin={**origin, "by": call.by.name},
        limits=_limits(new.limits),
    )


def _written(now: Kept, given: dict[str, Any]) -> dict[str, Any]:
    """What was written of a schedule; another team is not told what this one was."""
    shown = schedule_shown(now)
    same = given.get("team", shown.team) == shown.team
    kept = {name: getattr(shown, name) for name in NewSchedule.__struct_fields__}
    return kept if same else {**kept, "options": {}}


def _tagged(one: Kept) -> Tagged:
    return Tagged(schedule_shown(one), one.version, moves=True)


def _limits(caps: Caps) -> dict[str, Any]:
    return {name: cap for name, cap in asdict(caps).items() if cap is not None}
