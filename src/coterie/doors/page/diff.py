"""Two runs side by side: what each came to and took, where they part, and their frames."""

from __future__ import annotations

from collections.abc import Callable

from coterie.doors.letters import cropped
from coterie.doors.page.addresses import to_run
from coterie.doors.page.door import Visit
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import badge, headline, labelled, money, page, section, span, table
from coterie.doors.page.transcript import said
from coterie.kernel.difference import Difference, Parting, Row, Side, difference

ROWS = 200
"""Partings and frames that are shown: the first ones."""
FIGURES: tuple[tuple[str, Callable[[Side], Child]], ...] = (
    ("Run", lambda side: el("a", side.run, href=to_run(side.run))),
    ("State", lambda side: badge(side.status)),
    ("Team", lambda side: side.actor),
    ("Task", lambda side: said(side.task)),
    ("Outcome", lambda side: said(side.text or side.failure or "–")),
    ("Time", lambda side: span(side.seconds)),
    ("Critical path", lambda side: span(side.critical)),
    ("Cost", lambda side: money(side.usage.usd)),
    ("Tokens", lambda side: f"{side.usage.tokens:,}"),
    ("Model calls", lambda side: f"{side.usage.requests:,}"),
    ("Steps", lambda side: f"{side.steps:,} ({side.reused:,} taken from another run)"),
)
"""What is compared of two runs."""


async def compare(visit: Visit) -> Html:
    """Two runs side by side, or the form that asks for them."""
    a, b = visit.query.get("a", "").strip(), visit.query.get("b", "").strip()
    if not a or not b:
        return page("Compare", headline("Compare two runs"), _form(a, b), who=visit.who)
    found = difference(a, await visit.host.journal(a), b, await visit.host.journal(b))
    verdict = "They came to the same." if found.same_outcome else "They came to something else."
    return page(
        "Compare",
        headline("Two runs side by side"),
        el("p", verdict, f" Versions differ: {', '.join(found.versions)}." if found.versions else None),
        section("Both", _both(found), id="both"),
        section("Where they part", _partings(found), id="partings"),
        section("Frames", _frames(found), id="frames"),
        _form(a, b),
        who=visit.who,
    )


def _form(a: str, b: str) -> Html:
    return el(
        "form",
        labelled("One run", el("input", name="a", value=a, required=True)),
        labelled("Another run", el("input", name="b", value=b, required=True)),
        el("button", "Compare", class_="quiet"),
        method="get",
        action="/diff",
        class_="filters",
    )


def _both(found: Difference) -> Html:
    rows: list[list[Child]] = [[name, show(found.here), show(found.there)] for name, show in FIGURES]
    return table(("What", "One", "The other"), rows, caption="Both runs")


def _partings(found: Difference) -> Html:
    if found.first is None:
        return el("p", "Nowhere: every step was asked the same and came out the same.")
    rows = [_parting(one, found) for one in found.partings[:ROWS]]
    more = len(found.partings) - ROWS
    return el(
        "div",
        table(("Step", "How", "One", "The other"), rows, caption="Steps that are not the same"),
        el("p", f"… and {more:,} more", class_="quiet") if more > 0 else None,
    )


def _parting(one: Parting, found: Difference) -> list[Child]:
    return [
        el("code", one.path),
        one.how,
        _there(found.here.run, one.here_seq, one.here),
        _there(found.there.run, one.there_seq, one.there),
    ]


def _there(run: str, seq: int, told: str) -> Child:
    if seq < 0:
        return "–"
    return [el("a", f"event {seq}", href=to_run(run, at=seq)), " ", cropped(told, 400)]


def _frames(found: Difference) -> Html:
    rows = [_frame(row) for row in found.rows[:ROWS]]
    heads = ("Frame", "Time, one", "Time, other", "Tokens, one", "Tokens, other")
    return table(heads, rows, caption="Frames of both runs")


def _frame(row: Row) -> list[Child]:
    here, there = row.here_seconds >= 0, row.there_seconds >= 0
    return [
        el("code", row.path),
        span(row.here_seconds) if here else "–",
        span(row.there_seconds) if there else "–",
        f"{row.here.tokens:,}" if here else "–",
        f"{row.there.tokens:,}" if there else "–",
    ]
