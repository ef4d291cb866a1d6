"""What all views look like: the frame around them, and the small things that they are made of."""

from __future__ import annotations

import time
from collections.abc import Sequence

from coterie import __version__
from coterie.doors.page.elements import Child, Html, both, el
from coterie.words.principal import Principal

PLACES = (
    ("/", "Runs"),
    ("/approvals", "Approvals"),
    ("/teams", "Teams"),
    ("/agents", "Agents"),
    ("/schedules", "Schedules"),
    ("/memory", "Memory"),
    ("/usage", "Usage"),
    ("/settings", "Settings"),
)
"""Where one can go from everywhere."""
WORDS = {"needs_migration": "needs migration"}
"""States whose names are two words."""


def page(title: str, *body: Child, who: Principal | None, at: str = "", live: str | None = None) -> Html:
    """A whole document: `body` below the places to go, of which `at` is where one is."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{title} · Coterie"),
        el("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        el("link", rel="stylesheet", href="/static/page.css"),
        el("script", src="/static/page.js", defer=True),
    )
    document = el(
        "html",
        head,
        el(
            "body",
            el("a", "Skip to the content", href="#main", class_="skip"),
            None if who is None else _bar(who, at),
            el("main", *body, id="main", tabindex="-1", data_live=live),
            el("footer", f"Coterie {__version__}"),
        ),
        lang="en",
    )
    return Html(f"<!doctype html>\n{document}\n")


def _bar(who: Principal, at: str) -> Html:
    links = [el("a", name, href=href, aria_current="page" if href == at else None) for href, name in PLACES]
    return el(
        "header",
        el("a", "Coterie", href="/", class_="name"),
        el("nav", *links, aria_label="Places"),
        el(
            "form",
            el("span", f"{who.name}, {who.role}", class_="quiet"),
            el("button", "Log out", class_="plain"),
            method="post",
            action="/logout",
        ),
        class_="bar",
    )


def badge(state: str) -> Html:
    """A state in words, with a mark that does not need colour."""
    return el("span", WORDS.get(state, state), class_=f"badge {state}")


def empty(what: str, *then: Child) -> Html:
    """What stands where there is nothing yet, and what one can do about it."""
    return el("div", el("p", what), *then, class_="empty")


def section(title: str, *body: Child, id: str, swap: bool = True) -> Html:
    """A part of a page; one that follows a live run is swapped when it changes."""
    return el("section", el("h2", title), *body, id=id, data_swap=swap, aria_label=title)


def table(heads: Sequence[str], rows: Sequence[Sequence[Child]], *, caption: str) -> Html:
    """A table whose columns are called `heads`; on a phone each row becomes a card."""
    cells = [
        el("tr", *(el("td", cell, data_label=head) for head, cell in zip(heads, row, strict=True)))
        for row in rows
    ]
    return el(
        "div",
        el(
            "table",
            el("caption", caption),
            el("thead", el("tr", *(el("th", head, scope="col") for head in heads))),
            el("tbody", *cells),
        ),
        class_="wide",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def figures(*pairs: tuple[str, Child]) -> Html:
    """A few figures with what they are."""
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in pairs), class_="figures")


def clock(seconds: float) -> Html:
    """A moment, in UTC."""
    moment = time.gmtime(seconds)
    shown = time.strftime("%Y-%m-%d %H:%M:%S", moment)
    return el("time", f"{shown} UTC", datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment))


def span(seconds: float) -> str:
    """How long something took, in the unit that suits it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"


def money(usd: float) -> str:
    """US dollars, as exact as they are large."""
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"


def labelled(name: str, field: Html, *, help: str = "") -> Html:
    """A field with its name, and what to put there."""
    return el("label", el("span", name), field, el("small", help) if help else None)


def headline(title: Child, *beside: Child) -> Html:
    """The title of a view, and what stands beside it."""
    return el("div", el("h1", title), *beside, class_="headline")


def failed(status: int, title: str, detail: str, who: Principal | None) -> Html:
    """What a person sees where something went wrong."""
    return page(
        title,
        headline(title),
        el("p", detail, class_="trouble", role="alert"),
        el("p", el("a", "All runs", href="/"), f" · error {status}"),
        who=who,
    )


def stacked(*parts: Child) -> Html:
    """Parts below one another."""
    return el("div", both(*parts), class_="stack")
