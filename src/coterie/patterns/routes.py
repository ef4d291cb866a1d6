"""Routes: whom a task may be sent to, and how well each fits it.

A fit is a sum of terms, each from 0 to 1 and with a weight: words in common, keywords, similarity of
meaning, load and past success. Everything from outside comes by a function that is one journaled step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from math import log, sqrt
from typing import Any

from msgspec import Struct

from coterie.actor import Actor, do
from coterie.agent import Agent
from coterie.check import label
from coterie.errors import BadInput
from coterie.patterns.crew import purpose
from coterie.patterns.trackrecord import Past
from coterie.tool import Tool
from coterie.words.bid import Track
from coterie.words.task import Task

WEIGHTS = {"words": 1.0, "keywords": 1.0, "similarity": 2.0, "load": -0.5, "success": 0.5}
"""What a full term is worth, unless `scored` is told otherwise."""


class Route(Struct, frozen=True):
    """Whom a task may be sent to, what for, words that call for it, and the tools it has (an agent's own too)."""

    actor: Actor
    description: str = ""
    keywords: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The actor's name."""
        return self.actor.name

    @property
    def about(self) -> str:
        """What the actor is for: the description, or else an agent's instructions."""
        return self.description or purpose(self.actor)

    @property
    def has(self) -> tuple[str, ...]:
        """The names of all its tools."""
        own = self.actor.tools if isinstance(self.actor, Agent) else ()
        return tuple(dict.fromkeys((*self.tools, *own)))


class Candidate(Struct, frozen=True, omit_defaults=True):
    """How well a route fits: its score, the weighted terms it is the sum of, and why it is out, if it is."""

    name: str
    score: float = 0.0
    terms: dict[str, float] = {}
    out: str = ""


class Scored:
    """How routes are scored: see `scored`."""

    def __init__(
        self, needs: Callable[[Task], Sequence[str]] | None, ask: dict[str, Tool], weights: dict[str, float]
    ) -> None:
        self.needs = needs
        self.ask = ask
        self.weights = weights

    def describe(self) -> dict[str, Any]:
        """What the scoring is made of, as plain data."""
        asked = {term: label(by.function) for term, by in self.ask.items()}
        return {"needs": self.needs and label(self.needs), "ask": asked, "weights": self.weights}

    async def candidates(
        self, task: Task, routes: Sequence[Route], record: Past | None = None
    ) -> list[Candidate]:
        """Every route with its score, the best first; of equals the first declared, and who is out last."""
        needed = [*self.needs(task)] if self.needs is not None else []
        terms = {"words": overlap(task.text, routes), "keywords": [_called(task.text, one) for one in routes]}
        for term, by in self.ask.items():
            terms[term] = await self._asked(term, by, task, routes)
        if record is not None and "success" not in terms:
            tracks = await record.tracks(task, [one.name for one in routes])
            terms["success"] = [tracks.get(one.name, Track()).trust for one in routes]
        found: list[Candidate] = []
        for at, route in enumerate(routes):
            worth = {
                term: round(self.weights[term] * each[at], 6) for term, each in terms.items() if each[at]
            }
            lacking = [tool for tool in needed if tool not in route.has]
            out = f"has no tool {', '.join(map(repr, lacking))}" if lacking else ""
            found.append(Candidate(route.name, round(sum(worth.values()), 6), worth, out))
        return sorted(found, key=lambda one: (bool(one.out), -one.score))

    async def _asked(self, term: str, by: Tool, task: Task, routes: Sequence[Route]) -> list[float]:
        if term == "similarity":
            given = await do(by, task.text, [f"{one.name}: {one.about}" for one in routes])
        else:
            told = await do(by, [one.name for one in routes])
            given = [told.get(one.name, 0.5 if term == "success" else 0.0) for one in routes]
        if len(given) != len(routes):
            raise BadInput(f"{term} gave {len(given)} numbers for {len(routes)} routes")
        return [min(1.0, max(0.0, float(one))) for one in given]


def scored(
    *,
    needs: Callable[[Task], Sequence[str]] | None = None,
    similarity: Callable[..., Any] | None = None,
    load: Callable[..., Any] | None = None,
    success: Callable[..., Any] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Scored:
    """A choice by the best fit; of equals the first declared.

    Words that task and route have in common count always, and so do keywords. `needs` are the tools that
    a task calls for: a route without one of them is out. `similarity(text, descriptions)` gives a number
    from 0 to 1 for each description; `load(names)` and `success(names)` give one by name. These three
    may ask the world, and only read it: each call is one journaled step that is repeated after a crash.

    Raises:
        BadInput: if `weights` names a term that there is not.
    """
    if unknown := [term for term in weights or () if term not in WEIGHTS]:
        raise BadInput(f"there is no term {unknown[0]!r} of a score; there are {list(WEIGHTS)}")
    given = {"similarity": similarity, "load": load, "success": success}
    ask = {
        term: Tool(by, name=term, idempotent=True, trusted=True)
        for term, by in given.items()
        if by is not None
    }
    return Scored(needs, ask, {**WEIGHTS, **(weights or {})})


def overlap(text: str, routes: Sequence[Route]) -> list[float]:
    """The cosine of the words of `text` and of each route, rare words counting more.

    A word weighs log(1 + N/n) where n of N routes have it (Spärck Jones 1972), and texts are compared as
    vectors of their words (Salton, Wong and Yang 1975).
    """
    asked = words(text)
    pages = [words(" ".join((one.name, one.about, *one.keywords))) for one in routes]
    having: dict[str, int] = {}
    for word in chain.from_iterable(pages):
        having[word] = having.get(word, 0) + 1
    weight = {word: log(1 + len(routes) / n) ** 2 for word, n in having.items()}
    size = sqrt(sum(weight.get(word, 0.0) for word in asked))
    sizes = [sqrt(sum(weight[word] for word in page)) for page in pages]
    return [
        sum(weight[word] for word in asked if word in page) / (size * length) if size and length else 0.0
        for page, length in zip(pages, sizes, strict=True)
    ]


def words(text: str) -> dict[str, None]:
    """The different words of a text in order, without case and without a plural's s."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return dict.fromkeys(word.removesuffix("s") if len(word) > 3 else word for word in found)


def _called(text: str, route: Route) -> float:
    """1 if `text` has one of the route's keywords, each of which may be several words; else 0."""
    said = f" {' '.join(words(text))} "
    return float(any(f" {' '.join(words(one))} " in said for one in route.keywords if one))
