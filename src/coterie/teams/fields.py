"""Fields of a document: what stands in its text, with the line, and what it means in normal form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

_MONTHS = "january february march april may june july august september october november december".split()
_MONTH = "|".join(month[:3] + f"(?:{month[3:]})?" for month in _MONTHS)
_DATES = (
    re.compile(r"\b(?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)\b"),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?P<n>{_MONTH})\.? (?P<y>(?:19|20)\d\d)\b", re.IGNORECASE
    ),
    re.compile(
        rf"\b(?P<n>{_MONTH})\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>(?:19|20)\d\d)\b", re.IGNORECASE
    ),
    re.compile(r"\b(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>(?:19|20)\d\d)\b"),
)
_FIGURE = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?P<before>[€$£]|\b(?:EUR|USD|GBP)) ?(?P<one>{_FIGURE})"
    rf"|(?P<two>{_FIGURE}) ?(?P<after>[€$£]|(?:EUR|USD|GBP|euros?|dollars?)\b)"
)
_MONEY = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "euro": "EUR",
    "euros": "EUR",
    "dollar": "USD",
    "dollars": "USD",
}
_WORD = re.compile(r"[^\W_]+")


class Quote(Struct, frozen=True):
    """Words of a document as they stand there, and their line, from 1."""

    text: str
    line: int


def dates(lines: Sequence[str]) -> list[Quote]:
    """Every date in English or ISO form, in order, each once."""
    return _each(
        lines, lambda line: (found for form in _DATES for found in form.finditer(line) if iso(found[0]))
    )


def amounts(lines: Sequence[str]) -> list[Quote]:
    """Every sum of money, in order, each once."""
    return _each(lines, _AMOUNT.finditer)


def title(lines: Sequence[str]) -> Quote:
    """The first line that says something."""
    at = next((n for n, line in enumerate(lines) if _WORD.search(line)), 0)
    return Quote(lines[at].strip().strip("#=* ").strip(), at + 1)


def found(text: str, lines: Sequence[str]) -> Quote | None:
    """Where words of their own stand in a document, as they stand there; None if nowhere."""
    bare = " ".join(text.split())
    if not _WORD.search(bare):
        return None
    form = re.compile(rf"(?<![^\W_]){re.escape(bare)}(?![^\W_])", re.IGNORECASE)
    hits = ((at, form.search(line)) for at, line in enumerate(lines, 1))
    return next((Quote(hit[0], at) for at, hit in hits if hit), None)


def iso(text: str) -> str:
    """A date as ISO 8601 has it; empty if there is no such day."""
    for form in _DATES:
        if hit := form.fullmatch(text.strip()):
            part = hit.groupdict()
            name = (part.get("n") or "").lower()[:3]
            month = [one[:3] for one in _MONTHS].index(name) + 1 if name else int(part["m"])
            try:
                return date(int(part["y"]), month, int(part["d"])).isoformat()
            except ValueError:  # no day of any calendar
                return ""
    return ""


def money(text: str) -> tuple[str, str]:
    """A sum as a plain decimal and its currency (ISO 4217); both empty if it is none."""
    hit = _AMOUNT.fullmatch(text.strip())
    if hit is None:
        return "", ""
    figure, unit = hit["one"] or hit["two"], hit["before"] or hit["after"]
    return str(Decimal(figure.replace(",", ""))), _MONEY.get(unit.lower(), unit.upper())


def _each(lines: Sequence[str], find: Callable[[str], Iterable[re.Match[str]]]) -> list[Quote]:
    quotes: dict[str, Quote] = {}
    for at, line in enumerate(lines, 1):
        for hit in find(line):
            quotes.setdefault(hit[0], Quote(hit[0], at))
    return list(quotes.values())
