"""Retelling: facts in a writer's own words, each sentence held to the fact that it is made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from coterie.actor import Actor
from coterie.errors import BadOutput
from coterie.memory.claims import content_words, numbers, sentences, support

KEPT = 0.6
"""The share of a fact's content words that the sentence made from it has to keep."""
_NAME = re.compile(r"`[^`]+`|\b\w*[a-z]\w*[A-Z]\w*\b|\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
_CAPITAL = re.compile(r"\b[A-Z]\w+")
_NOT = re.compile(r"\b(?:not|no|never|none|nobody|nothing|cannot|without)\b|n't\b", re.IGNORECASE)


class Line(Struct, frozen=True):
    """One sentence, and the number of the fact that it is made from."""

    fact: Annotated[int, Meta(ge=1, le=20)]
    text: Annotated[str, Meta(max_length=220)]


class Retold(Struct, frozen=True):
    """What a writer answers with."""

    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=3)]


async def retold(writer: Actor, facts: Sequence[str], asked: str, *, always: int = 1) -> list[str]:
    """Sentences of `writer` (who answers with `Retold`) that answer what was `asked` from numbered facts.

    A sentence that does not hold to its fact is replaced by the fact. The first `always` facts are told
    in any case, in their own words where the writer left them out or gave no answer that can be used.
    """
    listed = "\n".join(f"{n}. {fact}" for n, fact in enumerate(facts, 1))
    try:
        said = await writer(f"Facts:\n{listed}\n\nAsked: {asked}")
        told: Retold = said.output
        lines = [line for line in told.lines if line.fact <= len(facts)]
    except BadOutput:  # the facts speak for themselves
        lines = []
    by = {line.fact: _held(line.text, facts[line.fact - 1]) for line in lines}
    chosen = sorted(set(by) | set(range(1, min(always, len(facts)) + 1)))
    return list(dict.fromkeys(by.get(n) or full(facts[n - 1]) for n in chosen))


def holds(text: str, fact: str) -> bool:
    """Whether a sentence says what `fact` does: its words, its numbers, no other name, and no other `not`."""
    kept = support(fact, text).share >= KEPT and support(text, fact).share >= KEPT
    capital = [word for word in _CAPITAL.findall(text) if content_words(word)]
    names = all(name.strip("`").lower() in fact.lower() for name in (*_NAME.findall(text), *capital))
    denies = bool(_NOT.search(text)) == bool(_NOT.search(fact))
    return kept and names and denies and numbers(text) == numbers(fact) and len(sentences(text)) == 1


def full(sentence: str) -> str:
    """A sentence with a capital at its beginning and a stop at its end."""
    ended = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
    return ended[0].upper() + ended[1:]


def _held(text: str, fact: str) -> str:
    plain = " ".join(text.split())
    return full(plain if plain and holds(plain, fact) else fact)
