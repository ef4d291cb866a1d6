"""A brief: what there is to decide between, and the facts, as lists in a text or in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from coterie.errors import BadInput
from coterie.memory.claims import content_words

MOST = 12
"""Options, and facts, that there may be."""
_SECTION = re.compile(r"^\s*(?:#+\s*)?(options|facts)\s*:?\s*(.*)$", re.IGNORECASE)
_INLINE = re.compile(r"\b(options|facts)\s*:", re.IGNORECASE)


class Brief(Struct, frozen=True):
    """What there is to decide between, and what is known of each option."""

    question: str
    options: tuple[str, ...]
    facts: tuple[str, ...]


def brief_of(question: str, text: str) -> Brief:
    """The brief in a text: its lists, under headings or behind `Options:` and `Facts:`, and the question.

    Raises:
        BadInput: if there are fewer than two options, more than `MOST`, or an option that no fact is about.
    """
    found: dict[str, list[str]] = {"question": [], "options": [], "facts": [], "other": []}
    section = "question"
    for line in _INLINE.sub(r"\n\1:", text).splitlines():
        head = _SECTION.match(line)
        section, rest = (head[1].lower(), head[2]) if head else (section, line)
        if line.startswith("#") and not head:
            section = "question" if not found["question"] else "other"
        found[section] += _listed(rest) if section != "question" else [rest.strip("# ").strip()]
    options, facts = tuple(dict.fromkeys(found["options"])), tuple(dict.fromkeys(found["facts"]))[:MOST]
    if not 2 <= len(options) <= MOST:
        raise BadInput(
            f"a decision is between 2 and {MOST} options, and {len(options)} are named: write `Options: this; that. "
            "Facts: ...` into the task, or give a --brief with the lists Options and Facts"
        )
    if bare := [one for one in options if one not in {about(fact, options) for fact in facts}]:
        raise BadInput(
            f"no fact is about {bare[0]!r} alone: each option needs one that names it, to be weighed at all"
        )
    own = question if text != question and question else " ".join(filter(None, found["question"]))
    return Brief(own, options, facts)


def _listed(line: str) -> list[str]:
    """What a line lists: one thing behind a bullet, or several with semicolons between."""
    bare = re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line)
    return [one.strip().rstrip(".") for one in bare.split(";") if one.strip(" .")]


def about(fact: str, options: Sequence[str]) -> str:
    """The option that a fact names: the one most of whose own words are in it; empty if none or several are."""
    words = content_words(fact).keys()
    shares = {one: len(words & own) / len(own) for one in options if (own := content_words(one).keys())}
    top = max(shares.values(), default=0.0)
    named = [one for one, share in shares.items() if share == top and share > 0]
    return named[0] if len(named) == 1 else ""
