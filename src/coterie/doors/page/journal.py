"""The journal itself: every event on a line, a page at a time, with forks and moments to go to."""

from __future__ import annotations

from coterie.doors.events import event_line
from coterie.doors.page.addresses import to_run
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import section
from coterie.doors.page.moment import Moment

LINES = 500
"""Events on one page: the last ones before the moment."""


def journal(seen: Moment) -> Html:
    """The events up to the moment; each number leads to how things stood after it."""
    lines = [
        el(
            "li",
            el("a", record.seq, href=to_run(seen.id, at=record.seq, tab="events")),
            event_line(record, seen.start)[5:],
        )
        for record in seen.records[-LINES:]
    ]
    hidden = len(seen.records) - LINES
    return section(
        "Events",
        el("p", f"{hidden:,} events before these: move the moment to see them.") if hidden > 0 else None,
        el("ol", *lines, class_="events"),
        id="events",
    )
