import asyncio
from itertools import count

import pytest

from coterie import Agent, Limits, Team, Usage, collect_all, do, first, gather, run
from coterie.errors import OverLimit
from coterie.models import scripted
from coterie.patterns import parallel, pipeline
from coterie.shell.run import journal, replay, resume
from coterie.stores import MemoryStore
from coterie.team import limited
from coterie.testing import rehearse, simulate
from coterie.words.event import Settled
from coterie.words.message import Message

a, b, c = Agent("a"), Agent("b"), Agent("c")


async def costs(think):
    return Message(sender=think.actor, text=think.actor, usage=Usage(10, 5, 1, 0, 0.25))


def wide(depth, width, leaves):
    """A tree of parallel teams."""
    if not depth:
        return Agent(f"leaf{next(leaves)}", settings={"max_tokens": 20})
    members = [wide(depth - 1, width, leaves) for _ in range(width)]
    return parallel(*members, name=f"team{next(leaves)}", on_failure=collect_all)


@pytest.mark.parametrize("seed", range(50))
def test_p09_no_cap_is_ever_exceeded(seed):
    """64 children at depth 3 start together: exactly as many answer as the cap allows, on any schedule."""
    tree = wide(3, 4, count())
    result = simulate(tree, "go", script="x", seed=seed, limits=Limits(requests=10))
    assert result.usage.requests == 10
    assert result.message is not None
    assert result.message.missing
    assert {failure.kind for failure in result.message.missing} <= {"OverLimit", "BranchesFailed"}


def test_p09_tokens_are_reserved_before_they_are_spent():
    """What two calls might cost together is too much, so they are refused though each would do."""
    both = parallel(Agent("a", settings={"max_tokens": 50}), Agent("b", settings={"max_tokens": 50}),
                    on_failure=collect_all)  # fmt: skip
    result = simulate(both, "go", script="x", limits=Limits(output_tokens=99))
    assert [failure.kind for failure in result.message.missing] == ["OverLimit"]


def test_p09_unused_reservations_come_back():
    """One after the other, the calls fit."""
    line = pipeline(*[Agent(name, settings={"max_tokens": 50}) for name in "abc"])
    assert rehearse(line, "go", "x", limits=Limits(output_tokens=60))[0].text == "x"


def test_p09_a_closed_branch_gives_its_reservation_back():
    """A call that nobody waits for any more counts no more."""

    async def play(task):
        await first(a("1"), b("2"))
        return await c("3")

    assert simulate(play, script="x", limits=Limits(requests=3)).message.text == "x"


def test_p09_money_counts_by_price():
    """A million tokens cost what the limits say; what is spent is what the model says."""
    limits = Limits(usd=0.9, prices={"default": (0.0, 100_000.0)})
    agent = Agent("a", settings={"max_tokens": 5})
    with pytest.raises(OverLimit, match=r"usd of 'p': 0.5 of 0.9 are spent"):
        rehearse(pipeline(agent, agent, agent, name="p"), "go", _usd, limits=limits)


def _usd(think):
    return Message(sender=think.actor, text="x", usage=Usage(1, 1, 1, 0, 0.25))


def test_p09_an_agent_or_a_team_has_limits_of_its_own():
    """They hold for one call of it, below those of the run."""
    poor = Agent("poor", limits=Limits(requests=0))
    team = parallel(poor, b, on_failure=collect_all)
    said = rehearse(team, "go", "x")[0]
    assert [part.sender for part in said.parts] == ["b"]
    assert "requests of 'parallel/poor'" in said.missing[0].message


def test_p09_any_actor_can_be_limited_and_keeps_the_tighter_of_two_limits():
    """What a pattern built is limited by wrapping it; the limits count per call, for all of its members together."""
    pair = parallel(a, b, on_failure=collect_all, name="pair")
    poor = limited(
        limited(pair, Limits(requests=1, depth=9)), Limits(requests=5, tokens=90_000, prices={"m": (1, 2)})
    )
    assert (poor.limits.requests, poor.limits.depth, poor.limits.tokens) == (1, 9, 90_000)
    assert (poor.limits.prices, pair.limits) == ({"m": (1, 2)}, None)

    async def twice(task):
        return [await poor("1"), await poor("2")][1]

    said = rehearse(Team("t", (poor,), twice), "go", "x")[0]
    assert len(said.parts) == 1
    assert "requests of 't/pair.2': 1 of 1" in said.missing[0].message


@pytest.mark.parametrize("where", ["run", "team", "agent"])
def test_p09_depth_and_fan_out_are_limited_at_every_level(where):
    """The limits of the run, of the team that branches, or of an agent far above it: each names whose it is."""

    def tree(depth, limits=None):
        if not depth:
            return Agent("leaf")
        wide = parallel(*[tree(depth - 1) for _ in range(3)], name=f"t{depth}")
        return wide if limits is None else limited(wide, limits)

    for limits, words in [
        (Limits(depth=1), "1 frames deep"),
        (Limits(fan_out=2), "3 branches, 2 are allowed"),
    ]:
        below = tree(2, limits if where == "team" else None)
        top = pipeline(below, name="top")
        top = limited(top, limits) if where == "agent" else top
        error = simulate(top, "go", script="x", limits=limits if where == "run" else Limits()).error
        assert isinstance(error, OverLimit)
        assert words in str(error)


def test_p09_tools_depth_fan_out_and_time_are_limited():
    """Each has its own message."""

    async def tool_user(task):
        return await do(len, "x") or ""

    async def deep(task):
        return await Team("deeper", (), deep)(task.text + "x")

    async def broad(task):
        await gather(a("1"), b("2"), c("3"))

    for play, limits, words in [
        (tool_user, Limits(tool_calls=0), "tool_calls"),
        (deep, Limits(depth=5), "5 frames deep"),
        (broad, Limits(fan_out=2), "3 branches, 2 are allowed"),
        (a, Limits(seconds=0.5), "seconds"),
        (pipeline(Agent("slow", limits=Limits(seconds=1))), Limits(), "seconds of 'slow': 1 are over"),
    ]:
        error = simulate(play, "go", script="x", latency=2.0, limits=limits).error
        assert isinstance(error, OverLimit)
        assert words in str(error)


def test_p09_partial_results_and_spend_come_back():
    """A run that stops at a cap says what was finished and what each path cost."""
    result = asyncio.run(run(pipeline(a, b, c), "go", model=costs, limits=Limits(requests=2)))
    assert (result.status, result.failure.kind) == ("failed", "OverLimit")
    assert [part.text for part in result.parts] == ["a", "b"]
    assert result.usage == Usage(20, 10, 2, 0, 0.5)


def test_p09_a_raised_cap_resumes_and_repeats_nothing():
    """What was done is in the journal; what was refused is done now."""

    async def scene():
        store = MemoryStore()
        calls = []

        async def model(think):
            calls.append(think.actor)
            return await costs(think)

        line = pipeline(a, b, c)
        stopped = await run(line, "go", model=model, store=store, id="r", limits=Limits(requests=2))
        resumed = await resume(line, "r", model=model, store=store, limits={"requests": 3})
        await replay(line, "r", store=store)
        return stopped, resumed, calls

    stopped, resumed, calls = asyncio.run(scene())
    assert (stopped.status, resumed.status, calls) == ("failed", "succeeded", ["a", "b", "c"])


def test_p09_at_the_cap_a_last_answer_is_given():
    """`finalize` keeps back what one more answer costs, and says that it was stopped early."""
    line = pipeline(a, b, c)
    limits = Limits(requests=3, at_cap="finalize")
    result = asyncio.run(run(line, "go", model=scripted(lambda think: think.actor + "!"), limits=limits))
    assert (result.status, result.text, result.usage.requests) == ("unverified", "pipeline!", 3)
    assert [part.text for part in result.parts] == ["a!", "b!"]
    assert "stopped early: requests" in result.message.unverified


def test_p09_at_the_cap_a_person_is_asked():
    """The run waits; raised, it goes on; told to stop, it fails as it would have."""

    async def scene(answer):
        store = MemoryStore()
        line = pipeline(a, b, c)
        limits = Limits(requests=1, at_cap="ask")
        waiting = await run(line, "go", model=costs, store=store, id="r", limits=limits)
        [(path, question)] = waiting.waiting.items()
        result = await resume(line, "r", model=costs, store=store, answers={path: answer})
        while result.status == "waiting":
            result = await resume(
                line, "r", model=costs, store=store, answers={next(iter(result.waiting)): answer}
            )
        return waiting, question, result, await journal(store, "r")

    waiting, question, result, records = asyncio.run(scene("requests=3"))
    assert (waiting.status, question.about) == ("waiting", "limit")
    assert "Raise it" in question.question
    assert (result.status, result.usage.requests) == ("succeeded", 3)
    assert sum(isinstance(one.event, Settled) for one in records) == 3
    assert asyncio.run(scene("stop"))[2].failure.kind == "OverLimit"


def test_p09_a_tool_that_was_refused_is_not_in_doubt():
    """It was never begun, so a raised cap lets it run without asking anybody."""
    ran = []

    async def pay(amount: int) -> str:
        ran.append(amount)
        return "paid"

    async def play(task):
        return await do(pay, 5)

    async def scene():
        store = MemoryStore()
        team = Team("team", (), play)
        limits = Limits(tool_calls=0, at_cap="ask")
        refused = await run(team, store=store, id="r", limits=limits)
        return refused, await resume(team, "r", store=store, limits={"tool_calls": 1})

    refused, done = asyncio.run(scene())
    assert (refused.status, done.status, ran) == ("waiting", "succeeded", [5])


def test_a_limit_that_cannot_be_is_refused_at_the_door():
    """By name and by value."""
    with pytest.raises(ValueError, match="requests is -1"):
        Limits(requests=-1)
    with pytest.raises(ValueError, match="no limit 'euro'; there are usd"):
        Limits().raised({"euro": 1})
    assert Limits().raised({"usd": "2.5"}).usd == 2.5
