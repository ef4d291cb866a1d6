"""What was said in a run, oldest first: answers, tools with what they were given and gave, talk, failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from coterie.doors.page.addresses import to_run
from coterie.doors.page.elements import Child, Html, both, el
from coterie.doors.page.layout import empty, section, span
from coterie.doors.page.moment import Moment
from coterie.kernel.history import ToolUse, uses
from coterie.kernel.story import Line
from coterie.kernel.story import transcript as lines_of
from coterie.kernel.values import to_plain
from coterie.words.digest import plain
from coterie.words.message import Message

LINES = 300
"""Lines on one page: the last ones."""
LETTERS = 20_000
"""Letters of one text that are shown; the journal has all of it."""


def transcript(seen: Moment, frame: str) -> Html:
    """What was said, in the whole run or below one frame; where models still speak, the script adds it."""
    lines = [line for line in lines_of(seen.records) if line.seq and _within(line.path, frame)]
    used = {use.path: use for use in uses(seen.records)}
    hidden = len(lines) - LINES
    shown = [_line(line, used.get(line.path), seen) for line in lines[-LINES:]]
    pending = [_use(use) for use in used.values() if not use.settled and _within(use.path, frame)]
    story = section(
        "Story",
        _narrowed(seen, frame) if frame else None,
        _task(seen) if not frame else None,
        el("p", f"{hidden:,} earlier lines are left out; choose a frame to see its own.")
        if hidden > 0
        else None,
        *shown,
        *pending,
        empty("Nothing was said here yet.") if not shown and not pending else None,
        id="story",
    )
    return both(story, el("div", id="speaking", aria_live="polite", data_frame=frame))


def _within(path: str, frame: str) -> bool:
    return not frame or path == frame or path.startswith(f"{frame}/")


def _narrowed(seen: Moment, frame: str) -> Html:
    back = to_run(seen.id, at=seen.at if seen.past else None)
    return el("p", "Only below ", el("code", frame), " · ", el("a", "all of it", href=back))


def _task(seen: Moment) -> Html:
    return _card("user", "task", 0.0, [said(seen.began.task)])


def _line(line: Line, use: ToolUse | None, seen: Moment) -> Html:
    if use is not None:
        return _use(use)
    after = line.time - seen.start
    tokens = f"{line.usage.tokens:,} tokens" if line.usage.tokens else ""
    return _card(
        line.sender,
        line.path,
        after,
        [said(line.text)],
        tokens,
        "failure" if line.sender == "failure" else "",
    )


def _use(use: ToolUse) -> Html:
    """A tool, with what it was given and what it gave."""
    took = f"{span(use.ended - use.began)}" if use.settled else "under way"
    parts: list[Child] = [el("p", "given", class_="quiet"), said(shown(use.arguments))]
    if use.failure is not None:
        parts += [el("p", str(use.failure), class_="trouble")]
    elif use.settled:
        parts += [el("p", "gave", class_="quiet"), said(shown(use.value))]
    head = el("summary", el("b", use.tool), " ", el("code", use.path), f" · {took}")
    return el("details", head, *parts, class_="tool", id=f"use-{use.asked}", open=not use.settled)


def _card(
    sender: str, path: str, after: float, body: Sequence[Child], note: str = "", tone: str = ""
) -> Html:
    told = f"+{span(after)}{' · ' if note else ''}{note}"
    head = el("header", el("b", sender), " ", el("code", path), el("span", told, class_="quiet"))
    return el("article", head, *body, class_=f"line {tone}".strip())


def said(text: str) -> Html:
    """A text as it was said, white space and all."""
    cut = text[:LETTERS] + (f"\n… and {len(text) - LETTERS:,} letters more" if len(text) > LETTERS else "")
    return el("pre", cut, class_="said")


def shown(value: Any) -> str:
    """A value as a person reads it: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, Message):
        return value.text
    data = msgspec.json.encode(to_plain(value), enc_hook=plain)
    return msgspec.json.format(data, indent=2).decode()
