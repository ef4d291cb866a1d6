"""What the runs of a tenant spent, by whatever one asks: one answer for every door."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal, TypeAlias

from coterie.errors import BadInput
from coterie.kernel.totals import Line, agents_of, models_of
from coterie.words.event import Record
from coterie.words.result import Overview
from coterie.words.usage import Usage

By: TypeAlias = Literal["tenant", "team", "agent", "model", "day"]
"""By what usage is told apart."""
BY: tuple[By, ...] = ("tenant", "team", "agent", "model", "day")
READ = 1_000
"""Runs whose journals one answer reads at most, to say what each agent or model used."""
_WITHIN: dict[str, Callable[[Iterable[Record]], Iterable[tuple[str, Usage]]]] = {
    "agent": agents_of,
    "model": models_of,
}


async def lines(
    runs: Sequence[Overview], by: By, tenant: str, journal: Callable[[str], Awaitable[Sequence[Record]]]
) -> list[Line]:
    """What each of `runs` used, by name; `journal` is read only where the listing does not say it.

    Raises:
        BadInput: if more journals than may be would have to be read.
    """
    if by in _WITHIN:
        if len(runs) > READ:
            raise BadInput(f"{len(runs)} runs began since then, more than {READ}: ask for a shorter time")
        told = _WITHIN[by]
        return [(name, one.id, usage) for one in runs for name, usage in told(await journal(one.id))]
    names: dict[str, Callable[[Overview], str]] = {
        "tenant": lambda _: tenant,
        "team": lambda one: one.team,
        "day": lambda one: day(one.started),
    }
    return [(names[by](one), one.id, one.usage) for one in runs]


def day(moment: float) -> str:
    """The day of a time in seconds since the epoch, by UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))
