"""Weighing: whose perspective a fact concerns, and what it counts for the option that it is about.

What can be known without judgement is not asked of a model: a fact concerns the perspective one of whose
`SIGNS` it is most like in meaning, and sums of money and stretches of time are compared with those of the
other options. Only what is left has to be called good or bad news.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from coterie.memory.embeddings import embedder
from coterie.teams.brief import Brief, about
from coterie.teams.fields import amounts, money
from coterie.tool import tool

SIGNS: Mapping[str, tuple[str, ...]] = {
    "money": ("It is cheap or free", "It costs nothing", "It is expensive", "It costs a lot of money"),
    "risk": (
        "It is safe and reliable",
        "Nothing is lost",
        "It is dangerous, things get damaged",
        "It fails, is cancelled or loses things",
    ),
    "use": (
        "People enjoy it",
        "Visitors can see and use it",
        "People dislike it",
        "It is closed, crowded or noisy",
    ),
    "work": (
        "It is quick and easy, done in minutes",
        "It needs no work",
        "It takes long, weeks or hours of work",
        "It is hard, and somebody has to look after it",
    ),
}
"""The perspectives, and what facts that concern them are like, good and bad."""
_HOURS = {"minute": 1 / 60, "hour": 1, "day": 24, "week": 168, "month": 730, "year": 8766}
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve".split()
_STRETCH = re.compile(rf"\b(\d+(?:\.\d+)?|{'|'.join(_NUMBERS)}) ({'|'.join(_HOURS)})s?\b", re.IGNORECASE)


class Mark(Struct, frozen=True):
    """A fact, the option that it is about, whose perspective it concerns, what it counts, and who says so.

    `by` is `figures` where the options' own were compared, and `clerk` where a model has read it.
    """

    fact: str
    about: str
    perspective: str
    weight: float
    by: str = "clerk"

    def __str__(self) -> str:
        sign = "against" if self.weight < 0 else "for"
        return f"{sign} {self.about}, because: {self.fact}"


@tool(idempotent=True, timeout=3600.0)
def concerns(facts: list[str]) -> list[str]:
    """Whose perspective each fact concerns: the one with the sign that is most like it in meaning."""
    signs = [(name, text) for name, texts in SIGNS.items() for text in texts]
    rows = embedder()([*(text for _, text in signs), *facts])
    near = rows[len(signs) :] @ rows[: len(signs)].T
    return [signs[int(row.argmax())][0] for row in near]


def measured(known: Brief, concerned: Mapping[str, str]) -> list[Mark]:
    """The marks that follow from figures: the least sum of money or time is for its option, more is against.

    Money counts wherever it stands, time in facts that concern the work. Figures that only one option has,
    or that are in several currencies, say nothing.
    """
    sums = {fact: found for fact in known.facts if (found := _sum(fact))}
    times = {fact: hours for fact, whose in concerned.items() if whose == "work" and (hours := _hours(fact))}
    bare = {fact: value for fact, (value, _) in sums.items()}
    alike = len({unit for _, unit in sums.values()}) == 1
    return [*_compared("money", bare if alike else {}, known), *_compared("work", times, known)]


def _compared(perspective: str, figures: Mapping[str, float], known: Brief) -> list[Mark]:
    """A mark a figure, if several options have one."""
    of = {fact: option for fact in figures if (option := about(fact, known.options))}
    totals: dict[str, float] = {}
    for fact, option in of.items():
        totals[option] = totals.get(option, 0.0) + figures[fact]
    if len(totals) < 2 or len(set(totals.values())) == 1:
        return []
    least = min(totals.values())
    return [
        Mark(fact, option, perspective, 1.0 if totals[option] == least else -1.0, "figures")
        for fact, option in of.items()
    ]


def _sum(fact: str) -> tuple[float, str] | None:
    """The money that a fact speaks of, and its currency; None if of none, or of several."""
    found = [money(quote.text) for quote in amounts([fact])]
    if len({unit for _, unit in found}) != 1:
        return None
    return float(sum(Decimal(value) for value, _ in found)), found[0][1]


def _hours(fact: str) -> float:
    """The hours that a fact speaks of."""
    found = _STRETCH.findall(fact)
    return sum((_number(n.lower()) * _HOURS[unit.lower()] for n, unit in found), 0.0)


def _number(word: str) -> float:
    return float(_NUMBERS.index(word) + 1) if word in _NUMBERS else float(word)


def unnamed(fact: str, option: str) -> str:
    """A fact with `It` in the place of the option, whose name alone would sway a small model."""
    names = (option, re.sub(r"^(?:the|an?) ", "", option, flags=re.IGNORECASE))
    for name in names:
        bare = re.sub(rf"\b(?:the |an? )?{re.escape(name)}\b", "it", fact, flags=re.IGNORECASE)
        if bare != fact:
            return bare[0].upper() + bare[1:]
    return fact


def hinge(marks: Sequence[Mark], known: Brief) -> list[str]:
    """The facts on whose reading the vote hangs: one that the clerk had read the other way would change it."""
    then = winner(marks, known.options)
    read = [one.fact for one in marks if one.by == "clerk"]
    return [fact for fact in dict.fromkeys(read) if winner(_turned(marks, fact), known.options) != then]


def _turned(marks: Sequence[Mark], fact: str) -> list[Mark]:
    """The marks, if the clerk had read `fact` the other way."""
    return [
        replace(one, weight=-one.weight) if one.fact == fact and one.by == "clerk" else one for one in marks
    ]


def winner(marks: Sequence[Mark], options: Sequence[str]) -> str:
    """The option that most perspectives approve of, of equals the first declared; empty if all of them abstain."""
    counts = dict.fromkeys(options, 0)
    for perspective in SIGNS:
        ahead = ahead_of(perspective, marks, options)
        for option in ahead if len(ahead) < len(counts) else ():
            counts[option] += 1
    return max(options, key=lambda one: counts[one]) if any(counts.values()) else ""


def ahead_of(perspective: str, marks: Sequence[Mark], options: Sequence[str]) -> tuple[str, ...]:
    """The options that the facts of one perspective leave ahead; all of them, where it has none."""
    scores = dict.fromkeys(options, 0.0)
    for one in marks:
        if one.perspective == perspective:
            scores[one.about] += one.weight
    return tuple(option for option in options if scores[option] == max(scores.values()))
