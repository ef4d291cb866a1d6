"""What was used, and what it cost: by team, by day or by agent."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from coterie.doors.http.api.shapes import Spent, UsageFilter
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem
from coterie.words.event import Record, Settled
from coterie.words.usage import NOTHING, Usage
from coterie.words.which import Which

if TYPE_CHECKING:
    from coterie.words.result import Overview

operations = Operations()
READ = 1_000
"""Runs whose journals one answer reads at most, to say what each agent used."""


@operations.add("GET", "/v1/usage", needs="viewer", query=UsageFilter, gives=list[Spent])
async def read_usage(call: Call) -> list[Spent]:
    """What the runs of this tenant used that began since a time (a day ago, unless said), the dearest first."""
    wanted: UsageFilter = call.query
    since = time.time() - 86_400 if wanted.since is None else wanted.since
    runs = await call.host.runs(Which(since=since, team=wanted.team or ""))
    if wanted.by == "agent":
        spent = await _by_agent(call, runs)
    else:
        spent = [(one.team if wanted.by == "team" else _day(one.started), one.id, one.usage) for one in runs]
    return summed(spent)


async def _by_agent(call: Call, runs: list[Overview]) -> list[tuple[str, str, Usage]]:
    if len(runs) > READ:
        raise Problem(422, f"{len(runs)} runs began since then, more than {READ}: ask for a shorter time")
    return [
        (name, one.id, usage) for one in runs for name, usage in agents_of(await call.host.journal(one.id))
    ]


def agents_of(records: Iterable[Record]) -> Iterable[tuple[str, Usage]]:
    """What each agent of a run used at each step; nothing for what was taken from another run."""
    for record in records:
        event = record.event
        if isinstance(event, Settled) and event.usage != NOTHING and not event.reused:
            yield event.path.rpartition("/")[0].rpartition("/")[2].partition(".")[0], event.usage


def summed(spent: Iterable[tuple[str, str, Usage]]) -> list[Spent]:
    """Of names, runs and usages, one line a name: the dearest first, then those with the most tokens."""
    totals: dict[str, Usage] = {}
    runs: dict[str, set[str]] = {}
    for name, run, usage in spent:
        totals[name] = totals.get(name, NOTHING) + usage
        runs.setdefault(name, set()).add(run)
    lines = [Spent(name=name, runs=len(runs[name]), usage=usage) for name, usage in totals.items()]
    return sorted(lines, key=lambda one: (-one.usage.usd, -one.usage.tokens, one.name))


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
