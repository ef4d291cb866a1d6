import asyncio

import pytest

from coterie import Agent, Hear, Mark, Message, Put, Send, Team, Watch, gather
from coterie.errors import Deadlock, ForeignAwait, NoProgress
from coterie.models import scripted
from coterie.testing import rehearse
from coterie.tool import Tool
from coterie.words.message import ToolCall


async def swap(hears, sends):
    await Hear(hears)
    await Send(sends, "x")


def test_p13_a_wait_cycle_is_a_deadlock_that_names_every_wait():
    """It is known at once, and says who waits for what."""

    async def play(task):
        await gather(swap("left", "right"), swap("right", "left"), Watch("done"))

    with pytest.raises(Deadlock) as caught:
        rehearse(play)
    assert "'play/swap' hears on 'left'" in caught.value.message
    assert "'play/swap.2' hears on 'right'" in caught.value.message
    assert "watches 'done' for a version above 0" in caught.value.message


def test_p13_a_deadlock_keeps_what_was_finished():
    """The result is `stuck`, with the answers that were there by then."""

    async def play(task):
        await Agent("a")("x")
        await Hear("nobody")

    result = asyncio.run(Team("play", (), play).run("go", model=scripted("said")))
    assert (result.status, [part.text for part in result.parts]) == ("stuck", ["said"])
    assert result.failure.kind == "Deadlock"


def test_p13_somebody_waiting_is_no_deadlock_while_another_works():
    """As long as something is under way in the world, anything may come of it."""

    async def worker():
        await Put("k", (await Agent("a")("x")).text)

    async def play(task):
        entry, _ = await gather(Watch("k"), worker())
        return entry.value

    assert rehearse(play, "", "there")[0].text == "there"


def test_p12_hand_offs_without_a_change_stop_at_the_third_repeat():
    """A to B to A with the same state is named as a cycle."""
    turns = []

    async def play(task):
        for n in range(100):
            turns.append(n)
            await Mark("ab"[n % 2])

    with pytest.raises(NoProgress, match="the same state 3 times: a -> b -> a"):
        rehearse(play)
    assert len(turns) == 5


def poller(answers, **options):
    """An agent with a tool that gives one of `answers` after the other."""
    left = iter(answers)
    return Agent("a", tools=[Tool(lambda: next(left), name="poll")], **options)


def twenty_polls(think):
    polls = sum(bool(message.answers) for message in think.thread)
    return "done" if polls == 20 else ToolCall(f"c{polls}", "poll", {})


def test_p12_twenty_polls_whose_results_change_are_progress():
    """A loop that learns something each time is no loop."""
    agent = poller((f"{5 * n} %" for n in range(20)), turns=21)
    assert rehearse(agent, "go", twenty_polls)[0].text == "done"


def test_p12_polls_whose_results_stay_the_same_are_not():
    """The third identical call with an identical result stops it, naming the call."""
    with pytest.raises(NoProgress, match="poll"):
        rehearse(poller(["0 %"] * 20), "go", twenty_polls)


def test_an_agent_that_never_answers_is_stopped():
    """Its turns are bounded."""
    agent = poller(map(str, range(99)), turns=4)
    with pytest.raises(NoProgress, match="not answered after 4 turns"):
        rehearse(agent, "go", twenty_polls)


def test_talk_that_goes_round_for_ever_is_stopped(monkeypatch):
    """A play that asks nothing of the world cannot keep it busy."""
    monkeypatch.setattr("coterie.kernel.machine.SPIN", 1000)

    async def play(task):
        while True:
            await Put("k", 1)

    with pytest.raises(NoProgress, match="without asking anything of the world"):
        rehearse(play)


def test_a_foreign_await_says_what_to_write_instead():
    """Asyncio has no place in a play."""

    async def play(task):
        await asyncio.sleep(0)

    with pytest.raises(ForeignAwait, match=r"write Sleep for asyncio\.sleep"):
        rehearse(play)


def test_a_foreign_await_can_be_survived():
    """It is thrown into the strand that asked, like any error."""

    async def play(task):
        try:
            await asyncio.sleep(0)
        except ForeignAwait:
            return Message(sender="play", text="caught")

    assert rehearse(play)[0].text == "caught"
