"""Schedules: what is run when, the next times of each, and a pause for whoever needs one."""

from __future__ import annotations

from starlette.responses import Response

from coterie.doors.letters import cropped
from coterie.doors.page.addresses import to_run, to_schedule
from coterie.doors.page.door import Visit, see
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import badge, clock, empty, headline, page, section, table
from coterie.shell import schedule as timetable
from coterie.shell.schedule import Kept

HOWTO = "coterie schedule add news '30 7 * * mon-fri' TEAM TASK"


async def list_schedules(visit: Visit) -> Html:
    """The schedules by name, and when each is due."""
    found = await timetable.schedules(visit.host)
    return page(
        "Schedules",
        headline("Schedules"),
        section("Schedules", _schedules(visit, found) if found else _none(), id="schedules"),
        who=visit.who,
        at="/schedules",
        live="poll" if found else None,
    )


def _none() -> Html:
    return empty("Nothing is run by the clock here. Whoever has a terminal begins with", el("code", HOWTO))


def _schedules(visit: Visit, found: list[Kept]) -> Html:
    acts = visit.who.may("operator")
    heads = ("Schedule", "State", "Next time", "When", "Team", "Task", *(("Change",) if acts else ()))
    rows = [[*_row(one), *((_deeds(one),) if acts else ())] for one in found]
    return table(heads, rows, caption="Schedules, by name")


def _row(one: Kept) -> list[Child]:
    what = one.schedule
    return [
        el("a", what.name, href=to_run(one.run)),
        badge(one.status),
        "–" if one.due is None else clock(one.due),
        [el("code", what.cron), f" {what.zone}"],
        what.origin.get("name", what.team),
        cropped(what.task, 90) or "–",
    ]


def _deeds(one: Kept) -> Html:
    """The buttons of a schedule; each says whose it is to who does not see the row."""
    turn = ("Pause", "pause") if one.status == "running" else ("Resume", "resume")
    buttons = [
        el(
            "form",
            el("button", said, class_="quiet", aria_label=f"{said}: {one.schedule.name}"),
            method="post",
            action=to_schedule(one.schedule.name, deed),
        )
        for said, deed in (turn, ("Run now", "run"))
    ]
    return el("div", *buttons, class_="row")


async def pause(visit: Visit) -> Response:
    """Begin nothing by a schedule until it is resumed."""
    await timetable.pause(visit.host, visit.id)
    return see("/schedules")


async def resume(visit: Visit) -> Response:
    """Go on with a schedule that was paused."""
    await timetable.resume(visit.host, visit.id)
    return see("/schedules")


async def run(visit: Visit) -> Response:
    """Begin what a schedule is for, now, and watch it."""
    return see(to_run(await timetable.begin(visit.host, visit.id, visit.who)))
