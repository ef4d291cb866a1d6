"""The tree of a run's frames on a timeline: a row a frame, with a bar for the time that it took."""

from __future__ import annotations

from collections.abc import Iterator

from coterie.doors.letters import cropped
from coterie.doors.page.addresses import to_run
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import WORDS, section, span
from coterie.doors.page.moment import Moment
from coterie.doors.tree import MARKS
from coterie.kernel.story import Branch

ROWS = 400
"""Frames that are drawn; of a larger run the first ones."""
DEEP = 12
"""Levels that are indented."""
WIDE = 1_000
"""Units of a bar's width."""


def timeline(seen: Moment) -> Html:
    """The frames of a run and when they worked."""
    frames = list(_frames(seen.tree, 0))
    whole = max(seen.now - seen.start, 1e-6)
    rows = [_row(seen, branch, depth, whole) for depth, branch in frames[:ROWS]]
    heads = ("Frame", f"0 to {span(whole)}", "Time", "Tokens")
    more = len(frames) - ROWS
    return section(
        "Frames",
        el(
            "div",
            el(
                "table",
                el("caption", "The frames of this run on a timeline"),
                el("thead", el("tr", *(el("th", head, scope="col") for head in heads))),
                el("tbody", *rows),
                class_="frames",
            ),
            class_="wide",
            tabindex="0",
            role="region",
            aria_label="Frames",
        ),
        el("p", f"… and {more:,} frames more", class_="quiet") if more > 0 else None,
        id="frames",
    )


def _frames(branch: Branch, depth: int) -> Iterator[tuple[int, Branch]]:
    stack = [(depth, branch)]
    while stack:
        depth, one = stack.pop()
        yield depth, one
        stack += [(depth + 1, child) for child in reversed(one.children)]


def _row(seen: Moment, branch: Branch, depth: int, whole: float) -> Html:
    began, ended = _when(branch, seen)
    took = ended - began
    what = WORDS.get(branch.state, branch.state) if branch.began else "several at once"
    return el(
        "tr",
        el(
            "th",
            el(
                "span",
                MARKS.get(branch.state, "●") if branch.began else "·",
                class_=f"mark {branch.state}",
                title=what,
                role="img",
                aria_label=what,
            ),
            el(
                "a",
                branch.name,
                href=to_run(seen.id, at=seen.at if seen.past else None, frame=branch.path) + "#story",
                title=cropped(branch.why or branch.task, 300),
            ),
            scope="row",
            class_=f"d{min(depth, DEEP)}",
        ),
        el("td", _bar((began - seen.start) / whole, took / whole, branch.state), class_="bars"),
        el("td", span(max(took, 0.0))),
        el("td", f"{branch.usage.tokens:,}" if branch.usage.tokens else "–"),
    )


def _when(branch: Branch, seen: Moment) -> tuple[float, float]:
    """From when to when; a branch that is no actor spans what is below it."""
    if branch.began:
        return branch.began, branch.ended or seen.now
    spans = [_when(child, seen) for child in branch.children]
    return min((one for one, _ in spans), default=seen.start), max(
        (end for _, end in spans), default=seen.now
    )


def _bar(left: float, width: float, state: str) -> Html:
    x = min(max(left, 0.0), 1.0) * WIDE
    long = min(max(width * WIDE, 4.0), WIDE - min(x, WIDE - 4.0))
    bar = el("rect", x=f"{min(x, WIDE - 4.0):.0f}", y=2, width=f"{long:.0f}", height=8, class_=state)
    return el(
        "svg", bar, viewBox=f"0 0 {WIDE} 12", preserveAspectRatio="none", class_="span", aria_hidden="true"
    )
