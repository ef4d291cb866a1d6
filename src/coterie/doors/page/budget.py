"""The budget of a run burning down: what of each limit is left after every event that cost something."""

from __future__ import annotations

from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import money, section, span, table
from coterie.doors.page.moment import Moment
from coterie.kernel.history import Spent, spending
from coterie.words.event import Signalled
from coterie.words.limits import CAPS, COUNTED, Limits

NAMES = {
    "usd": "US dollars",
    "tokens": "Tokens",
    "input_tokens": "Input tokens",
    "output_tokens": "Output tokens",
    "requests": "Model calls",
    "tool_calls": "Tool calls",
}
"""Limits in words."""
WIDE, HIGH, LEFT, LOW = 480, 170, 62, 30
"""Units of a chart, and of what is kept for its axes."""


def budget(seen: Moment) -> Html:
    """What is left of every limit, and a chart of those that are being used."""
    limits, points = _limits(seen), spending(seen.records)
    used = points[-1].usage
    rows: list[list[Child]] = []
    charts: list[Child] = []
    for name in COUNTED:
        cap, spent = getattr(limits, name), float(getattr(used, name))
        rows.append(
            [
                NAMES[name],
                _said(name, spent),
                "no limit" if cap is None else _said(name, cap),
                _left(cap, spent),
            ]
        )
        if spent:
            charts.append(_chart(name, cap, points, seen))
    took = seen.now - seen.start
    rows.append(
        [
            "Time",
            span(took),
            "no limit" if limits.seconds is None else span(limits.seconds),
            _left(limits.seconds, took),
        ]
    )
    return section(
        "Budget",
        table(("Limit", "Spent", "Cap", "Left"), rows, caption="Limits of this run"),
        el("div", *charts, class_="columns") if charts else None,
        el("p", f"At a cap: {limits.at_cap}.", class_="quiet"),
        id="budget",
    )


def _limits(seen: Moment) -> Limits:
    """The limits of the whole run as they stood."""
    limits = seen.began.limits
    for record in seen.records:
        event = record.event
        if isinstance(event, Signalled) and event.kind == "raised" and event.about in ("", seen.began.actor):
            limits = limits.raised({name: cap for name, cap in dict(event.value).items() if name in CAPS})
    return limits


def _said(name: str, amount: float) -> str:
    return money(amount) if name == "usd" else f"{amount:,.0f}"


def _left(cap: float | None, spent: float) -> str:
    if cap is None:
        return "–"
    return f"{max(1 - spent / cap, 0):.0%}" if cap else "0%"


def _chart(name: str, cap: float | None, points: list[Spent], seen: Moment) -> Html:
    """What is left of a cap over time where spending can be seen against it, and else what was spent."""
    values = [float(getattr(point.usage, name)) for point in points]
    burns = cap is not None and values[-1] >= cap / 20
    top = float(cap) if burns and cap is not None else values[-1]
    heights = [top - value if burns else value for value in values]
    whole = max(seen.now - seen.start, 1e-6)
    across = [LEFT + (point.time - seen.start) / whole * (WIDE - LEFT - 10) for point in points]
    down = [10 + (1 - height / top) * (HIGH - LOW - 10) for height in heights]
    steps = f"M{across[0]:.1f} {down[0]:.1f}" + "".join(
        f"H{x:.1f}V{y:.1f}" for x, y in zip(across[1:], down[1:], strict=True)
    )
    floor = HIGH - LOW
    title = f"{NAMES[name]} {'left' if burns else 'spent'} over time"
    return el(
        "figure",
        el("figcaption", title, class_="quiet"),
        el(
            "svg",
            el("title", f"{title}: {_said(name, heights[-1])} now"),
            el("path", d=f"{steps}H{WIDE - 10}V{floor}H{LEFT}z", class_="under"),
            el("line", x1=LEFT, y1=floor, x2=WIDE - 10, y2=floor, class_="axis"),
            el("line", x1=LEFT, y1=10, x2=WIDE - 10, y2=10, class_="cap" if burns else "axis"),
            el("path", d=f"{steps}H{WIDE - 10}", class_="lines"),
            el("text", _said(name, top), x=4, y=16),
            el("text", "0", x=4, y=floor + 4),
            el("text", "start", x=LEFT, y=HIGH - 8),
            el("text", span(whole), x=WIDE - 70, y=HIGH - 8),
            viewBox=f"0 0 {WIDE} {HIGH}",
            class_="chart",
            role="img",
        ),
    )
