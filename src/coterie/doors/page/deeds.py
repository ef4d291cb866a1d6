"""What an operator does with a run: stop it, go on with it, fork it from any event."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from coterie.doors.page.addresses import to_run
from coterie.doors.page.door import Visit, see, whole
from coterie.doors.page.elements import Html, el
from coterie.doors.page.forms import CAPS, limits_of
from coterie.doors.page.layout import labelled, section
from coterie.doors.page.moment import Moment

GOES_ON = ("paused", "failed", "cancelled", "stuck", "unverified", "needs_migration")
"""States from which a run can be resumed."""


def deeds(seen: Moment) -> Html:
    """The forms of all that can be done with a run as it stands."""
    stands = not seen.past
    return section(
        "Act",
        _stop(seen) if stands and not seen.over else None,
        _resume(seen) if stands and seen.status in GOES_ON else None,
        _fork(seen),
        el(
            "form",
            labelled(
                "Compare with run", el("input", name="b", required=True, placeholder="the id of another run")
            ),
            el("input", type="hidden", name="a", value=seen.id),
            el("button", "Compare", class_="quiet"),
            method="get",
            action="/diff",
            class_="row",
        ),
        id="deeds",
    )


def _stop(seen: Moment) -> Html:
    return el(
        "form",
        labelled("Why", el("input", name="reason", placeholder="cancelled", maxlength=500)),
        el("button", "Pause the run", class_="quiet", formaction=to_run(seen.id, "pause")),
        el("button", "Cancel the run", class_="danger"),
        method="post",
        action=to_run(seen.id, "cancel"),
        class_="row",
    )


def _resume(seen: Moment) -> Html:
    caps = [
        labelled(said, el("input", type="number", name=f"limit.{name}", min=0, step="any"))
        for name, said in CAPS
    ]
    return el(
        "form",
        *caps,
        el("button", "Resume"),
        method="post",
        action=to_run(seen.id, "resume"),
        class_="row",
        aria_label="Resume, with other limits where they are given",
    )


def _fork(seen: Moment) -> Html:
    """Everything before the event is taken from this run's journal, for nothing."""
    return el(
        "details",
        el("summary", f"Fork from event {max(seen.at, 1)}"),
        el(
            "form",
            el("p", "A new run takes all before this event from this run's journal, and goes on from there."),
            el("input", type="hidden", name="at", value=max(seen.at, 1)),
            labelled("Another task", el("textarea", name="task", rows=3, placeholder=seen.began.task[:300])),
            labelled(
                "Another outcome of this event",
                el("textarea", name="value", rows=2),
                help="A text, or JSON. The event has to be the outcome of a step.",
            ),
            el("button", "Fork"),
            method="post",
            action=to_run(seen.id, "fork"),
            class_="fields",
        ),
        id="fork",
    )


async def cancel(visit: Visit) -> Response:
    """Stop a run; what was finished stays."""
    await visit.host.cancel(visit.id, visit.fields.get("reason", "cancelled")[:500])
    return see(to_run(visit.id))


async def pause(visit: Visit) -> Response:
    """Have a run begin nothing new, and put it away; it can be resumed."""
    await visit.host.pause(visit.id, visit.fields.get("reason", "paused")[:500])
    return see(to_run(visit.id))


async def resume(visit: Visit) -> Response:
    """Go on with a run, with the limits that are given."""
    await visit.host.resume(visit.id, limits=limits_of(visit.fields))
    return see(to_run(visit.id))


async def fork(visit: Visit) -> Response:
    """Begin a run again from an event on, with a task or an outcome in the place of what was; watch the new one."""
    fields = visit.fields
    change: dict[str, Any] = {}
    if "task" in fields:
        change["task"] = fields["task"]
    if "value" in fields:
        change["value"] = _value(fields["value"])
    at = whole("at", fields.get("at", ""))
    new = await visit.host.fork(visit.id, at=at, origin={"by": visit.who.name}, by=visit.who, **change)
    return see(to_run(new))


def _value(given: str) -> Any:
    """JSON where it is some, and else the text."""
    try:
        return msgspec.json.decode(given)
    except msgspec.DecodeError:
        return given
