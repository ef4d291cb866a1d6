"""What runs spent, added up under a name: of agents, models, teams, days or tenants. Folds of their journals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec
from msgspec import Struct

from coterie.words.effect import Think, body_of, kind_of
from coterie.words.event import Asked, Record, Settled
from coterie.words.usage import NOTHING, Usage

Line: TypeAlias = "tuple[str, str, Usage]"
"""Under which name, in which run, and what was used."""
TOOLS = "(tools)"
"""The name of what was used without a model."""


class Used(Struct, frozen=True, kw_only=True):
    """What was used under one name, in how many runs."""

    name: str
    runs: int
    usage: Usage


def summed(lines: Iterable[Line]) -> list[Used]:
    """One entry a name: the dearest first, then those with the most tokens."""
    totals: dict[str, Usage] = {}
    runs: dict[str, set[str]] = {}
    for name, run, usage in lines:
        totals[name] = totals.get(name, NOTHING) + usage
        runs.setdefault(name, set()).add(run)
    found = [Used(name=name, runs=len(runs[name]), usage=usage) for name, usage in totals.items()]
    return sorted(found, key=lambda one: (-one.usage.usd, -one.usage.tokens, one.name))


def agents_of(records: Iterable[Record]) -> Iterator[tuple[str, Usage]]:
    """What each agent of a run used at each step; nothing for what was taken from another run."""
    for settled in _paid(records):
        yield settled.path.rpartition("/")[0].rpartition("/")[2].partition(".")[0], settled.usage


def models_of(records: Iterable[Record]) -> Iterator[tuple[str, Usage]]:
    """What each model of a run used at each call, and what tools did; nothing for what was taken from another run."""
    records = list(records)
    models = {
        one.event.path: model_of(one.event)
        for one in records
        if isinstance(one.event, Asked) and kind_of(one.event.effect) == Think.kind
    }
    for settled in _paid(records):
        yield models.get(settled.path, TOOLS), settled.usage


def model_of(asked: Asked) -> str:
    """The name of the model that a call asks."""
    if isinstance(asked.effect, Think):
        return asked.effect.model
    return str(msgspec.msgpack.decode(body_of(asked.effect))[1])


def _paid(records: Iterable[Record]) -> Iterator[Settled]:
    for record in records:
        event = record.event
        if isinstance(event, Settled) and event.usage != NOTHING and not event.reused:
            yield event
