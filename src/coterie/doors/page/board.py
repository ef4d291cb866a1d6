"""The board of a run: every entry as it stands, with all its versions."""

from __future__ import annotations

from coterie.doors.page.addresses import to_run
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import empty, section, span
from coterie.doors.page.moment import Moment
from coterie.doors.page.transcript import said, shown
from coterie.kernel.history import Written
from coterie.kernel.history import board as written

VERSIONS = 50
"""Versions of one entry that are shown: the last ones."""


def board(seen: Moment) -> Html:
    """Every entry of the board."""
    entries = [_entry(key, versions, seen) for key, versions in written(seen.records).items()]
    shown_ = (
        el("div", *entries, class_="columns") if entries else empty("Nobody has written on the board yet.")
    )
    return section("Board", shown_, id="board")


def _entry(key: str, versions: list[Written], seen: Moment) -> Html:
    latest = versions[-1]
    return el(
        "article",
        el("h3", key),
        _version(latest, seen),
        el(
            "details",
            el("summary", f"{len(versions)} versions"),
            *(_version(one, seen) for one in versions[-VERSIONS - 1 : -1][::-1]),
            id=f"entry-{versions[0].seq}",
        )
        if len(versions) > 1
        else None,
        class_="card",
    )


def _version(one: Written, seen: Moment) -> Html:
    return el(
        "div",
        el(
            "p",
            el("a", f"version {one.version}", href=to_run(seen.id, at=one.seq, tab="board")),
            f" · +{span(one.time - seen.start)} · by ",
            el("code", one.author),
            class_="quiet",
        ),
        said(shown(one.value)),
        class_="version",
    )
