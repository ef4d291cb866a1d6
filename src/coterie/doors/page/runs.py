"""The view of all runs: filtered, the newest first, a page at a time."""

from __future__ import annotations

from typing import get_args

from coterie.doors.letters import cropped
from coterie.doors.page.addresses import asked, to_run
from coterie.doors.page.door import Visit
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import (
    WORDS,
    badge,
    clock,
    empty,
    headline,
    labelled,
    page,
    section,
    span,
    table,
)
from coterie.words.result import Overview, Status
from coterie.words.which import Which

A_PAGE = 50
"""Runs on one page."""
STATES = (*get_args(Status), "interrupted")


async def list_runs(visit: Visit) -> Html:
    """Runs, the newest first."""
    query = visit.query
    which = Which(
        statuses=(query["status"],) if "status" in query else (),
        team=query.get("team", ""),
        before=query.get("before", ""),
        words=query.get("text", ""),
        limit=A_PAGE + 1,
    )
    found = await visit.host.runs(which)
    shown, rest = found[:A_PAGE], found[A_PAGE:]
    teams = {*visit.service.library.offers, *(one.actor for one in shown)}
    return page(
        "Runs",
        headline("Runs", el("a", "Start a run", href="/teams", class_="button")),
        _filters(query, sorted(teams)),
        section("Runs", _runs(shown, filtered=bool(query)), id="runs"),
        _more(shown[-1].id, query) if rest else None,
        who=visit.who,
        at="/",
        live="poll" if any(one.status in ("running", "waiting") for one in shown) else None,
    )


def _runs(shown: list[Overview], *, filtered: bool) -> Html:
    if not shown and filtered:
        return empty("No run fits these filters.", el("a", "Show all", href="/"))
    if not shown:
        return empty("Nothing has run here yet.", el("a", "Choose a team and start one", href="/teams"))
    rows = [
        (
            badge(one.status),
            el("a", cropped(one.task, 90) or "(no task)", href=to_run(one.id)),
            one.actor,
            f"{one.events:,}",
            span(one.updated - one.started),
            clock(one.started),
        )
        for one in shown
    ]
    return table(
        ("State", "Task", "Team", "Events", "Time", "Started"), rows, caption="Runs, the newest first"
    )


def _filters(query: dict[str, str], teams: list[str]) -> Html:
    states = [(state, WORDS.get(state, state)) for state in STATES]
    return el(
        "form",
        labelled("State", choice("status", states, query.get("status", ""))),
        labelled("Team", choice("team", [(team, team) for team in teams], query.get("team", ""))),
        labelled("Text", el("input", type="search", name="text", value=query.get("text", ""))),
        el("button", "Filter", class_="quiet"),
        method="get",
        action="/",
        class_="filters",
        role="search",
    )


def choice(name: str, choices: list[tuple[str, str]], chosen: str, *, any_: str = "any") -> Html:
    """A list to choose from, whose first line stands for no choice."""
    lines = [("", any_), *choices]
    options = [el("option", said, value=value, selected=value == chosen) for value, said in lines]
    return el("select", *options, name=name)


def _more(last: str, query: dict[str, str]) -> Html:
    following = asked(**{**query, "before": last})
    return el(
        "nav", el("a", "Older runs", href=f"/{following}", rel="next"), class_="pages", aria_label="Pages"
    )
