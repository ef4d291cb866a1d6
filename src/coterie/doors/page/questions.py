"""Questions to people, to be answered in place."""

from __future__ import annotations

from urllib.parse import quote

from coterie.doors.page.addresses import to_run
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import clock
from coterie.kernel.inquiries import Inquiry

KINDS = {
    "approval": "Approval",
    "choice": "Choice",
    "in_doubt": "A step in doubt",
    "limit": "A limit is reached",
    "permission": "A policy asks for leave",
}
"""What a question is about, in words."""
USUAL = {"approval": ("approve", "deny"), "limit": ("stop",)}
"""Answers that are offered as buttons where others are taken too."""
REFUSALS = ("deny", "no", "stop", "reject", "give up")
"""Answers that refuse."""


def question(one: Inquiry, *, may: bool, link: bool = False) -> Html:
    """A question as a card: what is asked, where, and how to answer."""
    return el(
        "article",
        el("h3", KINDS.get(one.ask.about, "Question"), f" for {one.ask.to}" if one.ask.to else None),
        el("pre", one.ask.question, class_="said"),
        el(
            "p",
            el("code", one.path),
            " · since ",
            clock(one.since),
            *((" · ", el("a", "the run", href=to_run(one.run))) if link else ()),
            class_="quiet",
        ),
        _answer(one, may=may),
        class_="question",
        id=f"q-{one.id}",
    )


def _answer(one: Inquiry, *, may: bool) -> Html:
    if one.state != "open":
        by = f" by {one.answer.by}" if one.answer is not None and one.answer.by else ""
        said = (
            f"Answered{by}: {one.answer.value}"
            if one.answer is not None
            else "Nobody waits for this any more."
        )
        return el("p", said)
    if one.paused:
        return _paused(one, may=may)
    if not may:
        return el("p", "You may read this, and not answer it.", class_="quiet")
    return el("div", *_ways(one), class_="ways")


def _paused(one: Inquiry, *, may: bool) -> Html:
    """Why there is nothing to answer yet, and the way to it."""
    said = el("p", "The run is paused: this can be answered once it is resumed.", class_="quiet")
    resume = el(
        "form", el("button", "Resume the run"), method="post", action=to_run(one.run, "resume"), class_="ways"
    )
    return el("div", said, resume if may else None)


def _ways(one: Inquiry) -> list[Html]:
    """The ways to answer: a button a choice, and words where any are taken."""
    choices = one.ask.choices or USUAL.get(one.ask.about, ())
    ways = [_buttons(one, choices)] if choices else []
    if one.ask.choices:
        return ways
    words = _form(
        one,
        el("textarea", name="value", rows=2, required=True, aria_label=f"Answer to: {one.ask.question}"),
        el("button", "Answer", class_="quiet" if choices else None),
    )
    return [*ways, el("details", el("summary", "Answer otherwise"), words) if choices else words]


def _buttons(one: Inquiry, choices: tuple[str, ...]) -> Html:
    buttons = [
        el("button", choice, name="value", value=choice, class_=_tone(at, choice))
        for at, choice in enumerate(choices)
    ]
    return _form(one, *buttons)


def _form(one: Inquiry, *fields: Html) -> Html:
    then = el("input", type="hidden", name="then", value=to_run(one.run))
    return el("form", then, *fields, method="post", action=f"/approvals/{quote(one.id, safe='')}")


def _tone(at: int, choice: str) -> str:
    return "danger" if choice in REFUSALS else "quiet" if at else "good"
