"""What every tally promises: subclass `TallyPromises` in a test, and give it a `store` fixture.

A store that outlives its process gives `reopen`, too.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

from coterie.ports import Counting, Store
from coterie.testing.journals import in_loop
from coterie.words.quota import NO_SPENDING, Reserved, Spending

FREE: Spending = (math.inf,) * len(NO_SPENDING)
DAY = "2026-11-29"


def amounts(requests: float = 0.0, tokens: float = 0.0) -> Spending:
    """Some requests and tokens, and nothing else."""
    return (0.0, tokens, 0.0, 0.0, requests, 0.0, 0.0, 0.0)


def wanted(run: str, requests: float, *, epoch: int = 1, day: str = DAY) -> Reserved:
    """Requests that a run wants to set aside."""
    return Reserved(run=run, epoch=epoch, day=day, after=epoch - 1, amounts=amounts(requests))


def tally_of(store: Any) -> Any:
    """The tally of a store."""
    assert isinstance(store, Counting), f"{type(store).__name__} keeps no tally"
    return store.tally


class TallyPromises:
    """A store that keeps a tally: never more is set aside or spent in a day than its caps say, whoever asks."""

    def reopen(self, store: Store) -> Store:
        """The same place, opened anew; a store that only lives in memory gives itself."""
        return store

    @in_loop
    async def test_what_is_set_aside_counts_as_used(self, store: Store) -> None:
        """A day begins with nothing; what a run sets aside, and sets aside again, adds up."""
        tally = tally_of(store)
        assert await tally.used(DAY) == NO_SPENDING
        assert await tally.reserve(wanted("r", 3), NO_SPENDING, FREE) == amounts(3)
        await tally.reserve(wanted("r", 2), NO_SPENDING, FREE)
        assert await tally.used(DAY) == amounts(5)
        assert [one.amounts for one in await tally.reserved("r")] == [amounts(5)]
        assert await tally.reserved("other") == []

    @in_loop
    async def test_no_more_is_given_than_a_cap_allows(self, store: Store) -> None:
        """Of what is wanted there is as much as there is room for, and of what is wanted beyond it a share."""
        tally = tally_of(store)
        caps = (*FREE[:4], 100.0, *FREE[5:])
        assert await tally.reserve(wanted("r", 11), amounts(1000), caps) == amounts(11 + 1)
        assert await tally.reserve(wanted("s", 90), amounts(1000), caps) == amounts(88)
        assert await tally.reserve(wanted("t", 1), amounts(1), caps) == NO_SPENDING
        assert await tally.used(DAY) == amounts(100)

    @in_loop
    async def test_what_was_spent_counts_in_the_place_of_what_was_set_aside(self, store: Store) -> None:
        """Settling gives the rest back, once; what is set aside nowhere cannot be settled."""
        tally = tally_of(store)
        await tally.reserve(wanted("r", 10), NO_SPENDING, FREE)
        await tally.reserve(wanted("r", 5, epoch=2), NO_SPENDING, FREE)
        for _ in range(2):
            await tally.settle("r", 1, DAY, amounts(4, 50))
        assert await tally.used(DAY) == amounts(9, 50)
        assert [(one.epoch, one.after) for one in await tally.reserved()] == [(2, 1)]

    @in_loop
    async def test_days_are_apart(self, store: Store) -> None:
        """What is used on one day leaves the next as it is."""
        tally = tally_of(store)
        await tally.reserve(wanted("r", 10), NO_SPENDING, FREE)
        await tally.reserve(wanted("r", 1, day="2026-11-30"), NO_SPENDING, FREE)
        await tally.settle("r", 1, DAY, amounts(7))
        assert [await tally.used(DAY), await tally.used("2026-11-30")] == [amounts(7), amounts(1)]

    @in_loop
    async def test_many_at_once_cannot_exceed_a_cap_together(self, store: Store) -> None:
        """Of fifty that want three each, as many get them as the cap allows, through two connections to one place."""
        caps, other = (*FREE[:4], 100.0, *FREE[5:]), self.reopen(store)
        asked = [
            tally_of(one).reserve(wanted(f"r{n}", 3), NO_SPENDING, caps)
            for n, one in enumerate([store, other] * 25)
        ]
        got = [given[4] for given in await asyncio.gather(*asked)]
        assert sum(got) == 100
        assert await tally_of(other).used(DAY) == amounts(100)
        if other is not store:
            await other.close()
