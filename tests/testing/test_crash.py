import random

import pytest

from coterie import Agent, Ask, do, gather
from coterie.testing import crash_everywhere

a, b = Agent("a"), Agent("b")


def test_a_sound_play_survives_every_cut():
    """Models, tools and people's answers: each settled step is kept."""

    def count(n):
        return n + 1

    async def play(task):
        said = await gather(a("1"), b("2"))
        sure = await Ask("sure?")
        return f"{said[0]} {said[1]} {sure} {await do(count, 1)}"

    result = crash_everywhere(play, "go", script=lambda think: think.actor, answers={"play/ask.1": "yes"})
    assert result.text == "a b yes 2"


def test_a_failure_survives_every_cut():
    """A run that fails fails the same way."""

    async def play(task):
        await a("1")
        raise ValueError("no")

    assert crash_everywhere(play, "go", script="x").failure.message == "no"


def test_a_play_that_hides_state_is_found_out():
    """What is not an effect is not the same after a crash, and the cut is named."""

    async def play(task):
        for _ in range(5):
            said = await a(str(random.random()))
        return said

    with pytest.raises(AssertionError, match=r"cut after event \d+ \("):
        crash_everywhere(play, "go", script=lambda think: think.thread[-1].text)


def test_a_script_that_changes_its_mind_is_found_out():
    """The same `Think` has to get the same answer."""
    answers = iter(range(1000))
    with pytest.raises(AssertionError, match="cut after event 0"):
        crash_everywhere(a, "go", script=lambda think: str(next(answers)))
