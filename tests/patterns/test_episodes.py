"""What a memory knows of the past, as routers and auctions use it."""

from __future__ import annotations

import asyncio

from coterie import Actor, Agent, Team, run
from coterie.errors import Declined, ModelFailed
from coterie.memory import Memory
from coterie.models import scripted
from coterie.patterns import Bidder, auction, router
from coterie.patterns.trackrecord import Episodes
from coterie.words.bid import Bid
from coterie.words.effect import Think
from coterie.words.task import Task

ADA, BOB = Agent("ada"), Agent("bob")
ROOFS, PARSERS = "mend the roof of the house", "mend the parser of the compiler"


def failing(*names: str) -> dict[str, object]:
    """A script in which some fail."""

    def line(think: Think) -> str:
        if think.actor in names:
            raise ModelFailed("it did not work")
        return f"{think.actor} did it"

    return {"ada": line, "bob": line}


async def history(memory: Memory) -> None:
    """Ada is good with parsers and bad with roofs; Bob the other way round."""
    for n in range(3):
        await memory.decided(f"{PARSERS} {n}", "ada", score=1.0)
        await memory.decided(f"{ROOFS} {n}", "bob", score=0.9)
        await memory.decided(f"{ROOFS} no {n}", "ada", score=0.0)
        await memory.decided(f"{PARSERS} no {n}", "bob", score=0.1)


def chosen(team: Team, task: str) -> str:
    """Who gets a task, with that history."""

    async def scene() -> str:
        memory = Memory()
        await history(memory)
        return (await run(team, task, memory=memory, model=scripted(failing()))).text

    return asyncio.run(scene())


def test_a_router_sends_a_task_to_who_did_the_like_well() -> None:
    """Past success counts where the tasks were alike, and only there."""
    team = router([ADA, BOB], record=Episodes(like=6))
    assert [chosen(team, ROOFS), chosen(team, PARSERS)] == ["bob did it", "ada did it"]


def test_an_auction_trusts_who_did_the_like_well() -> None:
    """Of two equal bids the one with the better past in such tasks wins."""
    bidders = [Bidder(one, bid=lambda task: Bid(True, capability=0.5)) for one in (ADA, BOB)]
    team = auction(*bidders, record=Episodes(like=6))
    assert [chosen(team, ROOFS), chosen(team, PARSERS)] == ["bob did it", "ada did it"]


def remembered(team: Actor, *failed: str) -> list[tuple[str, float, str]]:
    """What a memory holds after one run."""

    async def scene() -> list[tuple[str, float, str]]:
        memory = Memory()
        await run(team, ROOFS, memory=memory, model=scripted(failing(*failed)))
        return sorted((one.choice, one.score, one.outcome) for one in await memory.past(ROOFS))

    return asyncio.run(scene())


def test_a_router_remembers_how_it_went() -> None:
    """Who failed and who did it are both remembered, with what came of it."""
    team = router([ADA, BOB], past_failures=True, record=Episodes())
    found = remembered(team, "ada")
    assert [one[:2] for one in found] == [("ada", 0.0), ("bob", 1.0)]
    assert "it did not work" in found[0][2]


def test_a_router_remembers_no_refusal_as_a_failure() -> None:
    """Who declines has not failed."""

    async def declines(task: Task) -> str:
        raise Declined("not mine")

    team = router([Team("cat", (), declines), BOB], record=Episodes())
    assert [one[:2] for one in remembered(team)] == [("bob", 1.0)]


def test_an_auction_remembers_how_it_went() -> None:
    """The winner that failed and the one after it are both remembered."""
    bidders = [Bidder(one, bid=lambda task: Bid(True)) for one in (ADA, BOB)]
    found = remembered(auction(*bidders, record=Episodes()), "ada")
    assert [one[:2] for one in found] == [("ada", 0.0), ("bob", 1.0)]


def test_without_a_memory_it_says_so() -> None:
    """Episodes need a run with a memory; the error says how to give it one."""
    result = router([ADA, BOB], record=Episodes()).run_sync(ROOFS, model=scripted(failing()))
    assert result.failure is not None
    assert "memory=Memory(...)" in result.failure.message
