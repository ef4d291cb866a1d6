"""The inbox: what runs ask people, the oldest first, and deciding it."""

from __future__ import annotations

from starlette.responses import Response

from coterie.doors.page.door import Visit, see
from coterie.doors.page.elements import Html
from coterie.doors.page.entrance import local
from coterie.doors.page.layout import empty, headline, page, section
from coterie.doors.page.questions import question


async def inbox(visit: Visit) -> Html:
    """The questions that are open."""
    waiting = await visit.host.questions()
    may = visit.who.may("operator")
    shown = [question(one, may=may, link=True) for one in waiting]
    return page(
        "Approvals",
        headline("Approvals"),
        section(
            f"{len(shown)} open",
            *shown or [empty("Nobody is asked anything. Runs that need a person show up here.")],
            id="inbox",
        ),
        who=visit.who,
        at="/approvals",
        live="poll",
    )


async def decide(visit: Visit) -> Response:
    """Take an answer; it is in the journal of its run when the browser looks on."""
    await visit.host.answer(visit.id, visit.fields.get("value", ""), visit.who.name)
    return see(local(visit.fields.get("then", "/approvals")))
