"""Who talks to whom in a run: a picture of all calls and messages, and the messages themselves."""

from __future__ import annotations

import math

from coterie.doors.letters import cropped
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import empty, section, span, table
from coterie.doors.page.moment import Moment
from coterie.doors.page.transcript import said, shown
from coterie.kernel.story import graph, mail

ACTORS = 40
"""Actors that are drawn: those who talk most."""
MAIL = 200
"""Messages that are shown: the last ones."""
RADIUS = 22
"""Of an actor's circle, in units of the picture."""
ARROW = el(
    "defs",
    el(
        "marker",
        el("path", d="M0 0 8 4 0 8z", class_="arrow"),
        id="arrow",
        viewBox="0 0 8 8",
        refX=7,
        refY=4,
        markerWidth=9,
        markerHeight=9,
        markerUnits="userSpaceOnUse",
        orient="auto",
    ),
)
"""The head of an arrow."""


def talk(seen: Moment) -> Html:
    """The picture and the messages."""
    edges = graph(seen.records)
    picture = _picture(edges) if edges else empty("Nobody has called or written to anybody yet.")
    rows: list[list[Child]] = [
        [f"{one} → {other}", f"{times:,}"]
        for (one, other), times in sorted(edges.items(), key=lambda edge: -edge[1])
    ]
    return section(
        "Who talks to whom",
        picture,
        el(
            "details",
            el("summary", "As a table"),
            table(("From and to", "Times"), rows, caption="Who talks to whom"),
            id="edges",
        )
        if rows
        else None,
        _letters(seen),
        id="talk",
    )


def _picture(edges: dict[tuple[str, str], int]) -> Html:
    """Actors on a circle, and an arrow for whoever calls or writes to another, as thick as it is frequent."""
    heard: dict[str, int] = {}
    for (one, other), times in edges.items():
        heard[one] = heard.get(one, 0) + times
        heard[other] = heard.get(other, 0) + times
    most = set(sorted(heard, key=lambda name: -heard[name])[:ACTORS])
    kept = [name for name in heard if name in most]
    size = max(150.0, len(kept) * 18.0)
    middle = size + 70
    places = {
        name: (
            middle + 1.5 * size * math.sin(2 * math.pi * at / len(kept)),
            middle - size * math.cos(2 * math.pi * at / len(kept)) + 10,
        )
        for at, name in enumerate(kept)
    }
    left = middle - 1.5 * size - 90
    wide, high = 3 * size + 180, 2 * middle + 10
    lines = [
        _edge(places[one], places[other], times)
        for (one, other), times in edges.items()
        if one in places and other in places
    ]
    return el(
        "svg",
        el("title", f"{len(heard)} actors and who talks to whom"),
        ARROW,
        *lines,
        *(_actor(name, place) for name, place in places.items()),
        viewBox=f"{left:.0f} 0 {wide:.0f} {high:.0f}",
        class_="chart net",
        role="img",
    )


def _edge(start: tuple[float, float], end: tuple[float, float], times: int) -> Html:
    dx, dy = end[0] - start[0], end[1] - start[1]
    far = math.hypot(dx, dy)
    if far == 0:
        loop = f"M{start[0] - 8:.0f} {start[1] - RADIUS:.0f}c-30 -50 46 -50 16 0"
        return el("path", d=loop, class_="edge", marker_end="url(#arrow)", stroke_width=1.5)
    ux, uy = dx / far, dy / far
    bend = min(40.0, far / 6)
    x1, y1 = start[0] + ux * RADIUS, start[1] + uy * RADIUS
    x2, y2 = end[0] - ux * (RADIUS + 4), end[1] - uy * (RADIUS + 4)
    cx, cy = (x1 + x2) / 2 - uy * bend, (y1 + y2) / 2 + ux * bend
    path = el(
        "path",
        d=f"M{x1:.0f} {y1:.0f}Q{cx:.0f} {cy:.0f} {x2:.0f} {y2:.0f}",
        class_="edge",
        marker_end="url(#arrow)",
        stroke_width=f"{min(1 + math.log2(times), 6):.1f}",
    )
    middle = ((x1 + 2 * cx + x2) / 4, (y1 + 2 * cy + y2) / 4)
    count = (
        el("text", f"{times:,}", x=f"{middle[0]:.0f}", y=f"{middle[1] + 4:.0f}", class_="times")
        if times > 1
        else None
    )
    return el("g", path, count)


def _actor(name: str, place: tuple[float, float]) -> Html:
    return el(
        "g",
        el("title", name),
        el("circle", cx=f"{place[0]:.0f}", cy=f"{place[1]:.0f}", r=RADIUS),
        el("text", cropped(name, 16), x=f"{place[0]:.0f}", y=f"{place[1] + RADIUS + 16:.0f}"),
    )


def _letters(seen: Moment) -> Html | None:
    letters = mail(seen.records)[-MAIL:]
    if not letters:
        return None
    rows: list[list[Child]] = [
        [
            f"+{span(one.time - seen.start)}",
            f"{one.envelope.sender} → {one.envelope.recipient}",
            f"{one.envelope.intent}, {one.envelope.kind}",
            said(shown(one.envelope.body)),
        ]
        for one in letters
    ]
    return el(
        "div", el("h3", "Messages"), table(("When", "From and to", "Why", "What"), rows, caption="Messages")
    )
