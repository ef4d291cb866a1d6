"""The view of one run: how it stands now or stood at any moment, and what one can do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coterie.doors.letters import cropped
from coterie.doors.page.addresses import asked, to_run, to_team
from coterie.doors.page.board import board
from coterie.doors.page.budget import budget
from coterie.doors.page.deeds import deeds
from coterie.doors.page.door import Visit
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.journal import journal
from coterie.doors.page.layout import badge, clock, figures, headline, money, page, section, span
from coterie.doors.page.moment import Moment, moment
from coterie.doors.page.questions import question
from coterie.doors.page.rounds import rounds
from coterie.doors.page.talk import talk
from coterie.doors.page.timeline import timeline
from coterie.doors.page.transcript import transcript

NAMES = {
    "story": "Story",
    "rounds": "Rounds and votes",
    "talk": "Messages",
    "board": "Board",
    "budget": "Budget",
    "events": "Events",
}
"""The views of a run, by what they are called."""
PARTS: dict[str, Callable[[Moment, Visit], list[Html]]] = {
    "story": lambda seen, visit: [timeline(seen), transcript(seen, visit.query.get("frame", ""))],
    "rounds": lambda seen, _: [rounds(seen)],
    "talk": lambda seen, _: [talk(seen)],
    "board": lambda seen, _: [board(seen)],
    "budget": lambda seen, _: [budget(seen)],
    "events": lambda seen, _: [journal(seen)],
}
"""What each view of a run shows below what they all show."""


async def show_run(visit: Visit) -> Html:
    """One run, at the moment that is asked for."""
    seen = await moment(visit)
    may = visit.who.may("operator")
    follow = None if seen.over else f"/v1{to_run(seen.id, 'events', after=seen.last, live='true')}"
    return page(
        cropped(seen.began.task, 60) or seen.id,
        headline(
            cropped(seen.began.task, 120) or "(no task)",
            el("span", badge(seen.status), id="state", data_swap=True),
        ),
        _about(seen),
        _slider(seen),
        el("div", *_asked(seen, may=may), id="questions", data_swap=True, class_="stack"),
        _outcome(seen),
        _tabs(seen),
        *PARTS[seen.tab](seen, visit),
        deeds(seen) if may else None,
        who=visit.who,
        live=follow,
    )


def _about(seen: Moment) -> Html:
    used = seen.usage
    forked: dict[str, Any] | None = seen.began.origin.get("fork")
    rows: list[tuple[str, Child]] = [
        ("Team", el("a", seen.team, href=to_team(seen.team))),
        ("Time", span(seen.now - seen.start)),
        ("Model calls", f"{used.requests:,}"),
        ("Tool calls", f"{used.tool_calls:,}"),
        ("Tokens", f"{used.tokens:,}"),
        ("Cost", money(used.usd)),
        ("Started", clock(seen.start)),
    ]
    if forked is not None:
        at = forked.get("at")
        place = "" if at is None else f", event {at}"
        of = str(forked["run"])
        beside = el("a", "compare", href=f"/diff{asked(a=of, b=seen.id)}")
        rows.append(("Fork of", [el("a", f"{of}{place}", href=to_run(of, at=at)), " · ", beside]))
    return el(
        "div",
        figures(*rows),
        el("p", "Run ", el("code", seen.id), class_="quiet"),
        id="about",
        data_swap=True,
    )


def _slider(seen: Moment) -> Html:
    """Any moment of the run: works without a script too, by its button."""
    event = seen.records[-1]
    where = f"Event {seen.at} of {seen.last}, after {span(event.time - seen.start)}"
    return el(
        "form",
        el(
            "label",
            el("span", "Moment"),
            el(
                "input",
                type="range",
                name="at",
                min=0,
                max=seen.last,
                value=seen.at,
                step=1,
                data_moment=True,
            ),
        ),
        el("output", where, id="moment", data_swap=True),
        el("input", type="hidden", name="tab", value=seen.tab),
        el("button", "Go there", class_="quiet", data_plain=True),
        el("a", "Back to now", href=to_run(seen.id, tab=seen.tab)) if seen.past else None,
        method="get",
        action=to_run(seen.id),
        class_="moment past" if seen.past else "moment",
        id="slider",
        data_swap=True,
    )


def _asked(seen: Moment, *, may: bool) -> list[Html]:
    return [question(one, may=may and not seen.past) for one in seen.questions]


def _outcome(seen: Moment) -> Html:
    end = seen.result
    shown: list[Child] = []
    if end.text:
        shown.append(el("pre", end.text, class_="said answer"))
    if end.message is not None and end.message.unverified:
        shown.append(el("p", f"Not verified: {end.message.unverified}", class_="trouble"))
    if end.failure is not None:
        shown.append(el("p", str(end.failure), class_="trouble"))
    if end.missing:
        shown.append(el("ul", *(el("li", f"Missing: {one}") for one in end.missing)))
    if not shown:
        return el("div", id="outcome", data_swap=True)
    return section("Outcome", *shown, id="outcome")


def _tabs(seen: Moment) -> Html:
    at = seen.at if seen.past else None
    links = [
        el("a", name, href=to_run(seen.id, at=at, tab=tab), aria_current="true" if tab == seen.tab else None)
        for tab, name in NAMES.items()
    ]
    return el("nav", *links, class_="tabs", id="tabs", data_swap=True, aria_label="Views of this run")
