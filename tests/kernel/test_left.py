"""What is left of a budget: the lowest of all limits above whoever asks, after what was spent and set aside."""

from __future__ import annotations

import asyncio

import pytest

from coterie import Agent, Team
from coterie.models import scripted
from coterie.words.effect import Left
from coterie.words.limits import CAPS, DEFAULT, NONE, Limits


def test_what_is_left_is_the_lowest_of_all_limits_after_what_was_spent():
    """Of the run and of the team; depth from where one stands; nothing where there is no cap."""
    worker = Agent("worker")

    async def _asks(task):
        await worker("one")
        left = await Left()
        return ", ".join(f"{name}={cap:g}" for name in CAPS if (cap := getattr(left, name)) is not None)

    inner = Team("inner", (worker,), _asks, limits=Limits(requests=7, depth=9))
    outer = Team("outer", (inner,), lambda task: _through(inner, task))
    limits = Limits(usd=2.0, requests=5, tool_calls=3, depth=12, fan_out=4)
    result = asyncio.run(outer.run("Go", model=scripted("done"), limits=limits))
    assert result.text == "usd=2, requests=4, tool_calls=3, depth=8, fan_out=4"


async def _through(inner, task):
    return await inner(task)


def test_limits_within_others_are_never_above_them():
    """What one does not say, the other does; what is no limit is nothing."""
    asked = {"requests": 3.0, "usd": 99, "seconds": 5, "depth": 2.0, "wishes": 1}
    assert DEFAULT.within(asked) == Limits(requests=3, seconds=5.0, depth=2)
    assert NONE.within({}) == NONE


@pytest.mark.parametrize(
    "wrong", [{"requests": -1}, {"usd": "much"}, {"tokens": True}, {"usd": float("nan")}]
)
def test_what_is_no_limit_is_refused(wrong):
    """Whoever says it."""
    with pytest.raises(ValueError, match="a limit is a number"):
        DEFAULT.within(wrong)
