"""Rounds side by side, votes, and bids: how the members of a run came to an agreement, or to none."""

from __future__ import annotations

from typing import Any

import msgspec

from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import empty, section, table
from coterie.doors.page.moment import Moment
from coterie.doors.page.transcript import said
from coterie.kernel.history import Rounds
from coterie.kernel.history import entered as entered_in
from coterie.kernel.history import rounds as rounds_of
from coterie.kernel.history import said as answers_of
from coterie.typed import parse
from coterie.words.bid import Bid
from coterie.words.message import Message
from coterie.words.vote import Vote

VOTES = {"choice", "ranking", "approved", "abstain"}
"""What makes an answer a vote: one of these."""


def rounds(seen: Moment) -> Html:
    """Everything that was said against one another."""
    found = rounds_of(seen.records)
    answers = answers_of(seen.records)
    votes = {path: vote for path, one in answers.items() if (vote := _vote(one)) is not None}
    bids = {path: bid for path, one in answers.items() if (bid := _bid(one)) is not None}
    parts: list[Child] = [*map(_rounds, found), *_votes(votes, entered_in(seen.records)), *_bids(bids)]
    nothing = empty("No member has been asked twice, voted or bid yet.")
    return section("Rounds, votes and bids", *parts or [nothing], id="rounds")


def _rounds(found: Rounds) -> Html:
    rows: list[list[Child]] = [
        [f"{n}", *("–" if one is None else said(one.text) for one in row)]
        for n, row in enumerate(found.said, 1)
    ]
    return el(
        "div",
        el("h3", "Rounds of ", el("code", found.path)),
        table(("Round", *found.members), rows, caption=f"Rounds of {found.path}"),
        class_="stack",
    )


def _votes(votes: dict[str, Vote], entered: set[str]) -> list[Html]:
    """The votes by the frame that asked for them, and how often each choice is named first."""
    by: dict[str, dict[str, Vote]] = {}
    for path, vote in votes.items():
        place = path.rpartition("/")[0]
        while place and place not in entered:  # a branch that is no actor
            place = place.rpartition("/")[0]
        by.setdefault(place, {})[path.rpartition("/")[2]] = vote
    return [
        el(
            "div",
            el("h3", "Votes in ", el("code", place)),
            _counts([_first(vote) for vote in cast.values()]),
            table(
                ("Voter", "Vote", "Sure", "Why"),
                [_ballot(*one) for one in cast.items()],
                caption=f"Votes in {place}",
            ),
            class_="stack",
        )
        for place, cast in by.items()
    ]


def _ballot(voter: str, vote: Vote) -> list[Child]:
    return [voter, "abstains" if vote.abstain else _first(vote), f"{vote.confidence:.0%}", vote.reason or "–"]


def _first(vote: Vote) -> str:
    if vote.abstain:
        return ""
    return vote.choice or " > ".join(vote.ranking) or ", ".join(vote.approved)


def _counts(choices: list[str]) -> Html:
    counts = {choice: choices.count(choice) for choice in dict.fromkeys(choices) if choice}
    most = max(counts.values(), default=1)
    return bars([(choice, times, f"{times}") for choice, times in counts.items()], most, "Votes by choice")


def _bids(bids: dict[str, Bid]) -> list[Html]:
    if not bids:
        return []
    rows: list[list[Child]] = [
        [
            el("code", path),
            "yes" if bid.willing else "no",
            f"{bid.capability:.2f}",
            f"{bid.cost:g}",
            f"{bid.seconds:g} s",
            bid.reason or "–",
        ]
        for path, bid in bids.items()
    ]
    heads = ("Bidder", "Willing", "Capability", "Cost", "Time", "Why")
    return [el("div", el("h3", "Bids"), table(heads, rows, caption="Bids"))]


def bars(rows: list[tuple[str, float, str]], most: float, title: str) -> Html:
    """Bars for a few names: each with its value, and how that is written."""
    high = 30
    shown = [
        el(
            "g",
            el("text", name[:28], x=4, y=at * high + 19, class_="value"),
            el(
                "rect",
                x=200,
                y=at * high + 7,
                width=f"{max(value / (most or 1) * 480, 1):.0f}",
                height=16,
                rx=3,
                class_="bar",
            ),
            el("text", said_, x=f"{208 + value / (most or 1) * 480:.0f}", y=at * high + 19),
        )
        for at, (name, value, said_) in enumerate(rows)
    ]
    return el(
        "svg",
        el("title", title),
        *shown,
        viewBox=f"0 0 800 {len(rows) * high + 6}",
        class_="chart named",
        role="img",
    )


def _vote(said_: Message) -> Vote | None:
    data = _data(said_)
    return _as(data, Vote) if data.keys() & VOTES and "willing" not in data else None


def _bid(said_: Message) -> Bid | None:
    data = _data(said_)
    return _as(data, Bid) if "willing" in data else None


def _data(said_: Message) -> dict[str, Any]:
    """The object that an answer is; empty where it is none."""
    try:
        return dict(parse(said_.text, dict[str, Any])) if "{" in said_.text else {}
    except ValueError:
        return {}


def _as(data: dict[str, Any], kind: Any) -> Any:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError:
        return None
