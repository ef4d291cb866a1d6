"""Every pattern once on the embedded model: small prompts, short answers, choices held to a schema."""

import asyncio
from functools import cache

import pytest

from coterie import Agent, collect_all, gather
from coterie.models.embedded import embedded
from coterie.patterns import (
    Breaker,
    Fold,
    Peer,
    Source,
    auction,
    balance,
    blackboard,
    cached,
    cascade,
    chat,
    committee,
    consensus,
    debate,
    events,
    handoff,
    hierarchy,
    hub,
    mapreduce,
    on,
    orchestrator,
    parallel,
    peers,
    pipeline,
    pool,
    refine,
    resilient,
    router,
    supervisor,
    workqueue,
)
from coterie.patterns.votes import first_declared, plurality
from coterie.team import Team
from coterie.words.bid import Bid
from coterie.words.plan import Plan, Step
from tests.patterns.test_catalogue import NAMES

pytestmark = pytest.mark.weights

SHORT, TYPED = {"max_tokens": 16}, {"max_tokens": 80}


def says(name, instructions="Answer in at most five words."):
    return Agent(name, instructions, settings=SHORT)


def decides(name, instructions):
    return Agent(name, instructions, settings=TYPED)


BILLING = says("billing", "You handle invoices, payments and refunds. Answer in at most five words.")
TECHNICAL = says("technical", "You repair servers and networks. Answer in at most five words.")
REFUND = "I was charged twice on my invoice and want my money back."


def calling(team, *tasks):
    """A team that is called with several tasks at once."""

    async def play(task):
        said = await gather(*(team(one) for one in tasks), on_failure=collect_all)
        return "\n".join(one.text for one in said)

    return Team("calling", [team], play)


def plan():
    return Plan(
        (
            Step(id="s1", worker="ann", task="Name one fruit."),
            Step(id="s2", worker="bo", task="Name one colour of that fruit.", depends_on=("s1",)),
        )
    )


def counted(total, said):
    return total + 1


ann, bo = says("ann"), says("bo")
TEAMS = {
    "pipeline": (pipeline(ann, says("shout", "Repeat the text in capital letters.")), "Name a fruit."),
    "parallel": (parallel(ann, bo), "Name a fruit."),
    "mapreduce": (
        mapreduce(ann, split=lambda task: task.text.split(), reduce=Fold(0, counted, str), at_once=2),
        "apple car",
    ),
    "orchestrator": (orchestrator(plan(), [ann, bo]), "A fruit and its colour."),
    "supervisor": (
        supervisor(
            decides("lead", "If there is no result yet, give ann a task. After that, answer."),
            [ann],
            max_turns=2,
        ),
        "Have ann name a fruit.",
    ),
    "hierarchy": (hierarchy(decides("lead", "You lead a help desk."), [BILLING, TECHNICAL]), REFUND),
    "hub": (hub(decides("desk", "You ask others and then answer briefly."), BILLING, rounds=1), REFUND),
    "router": (
        router([TECHNICAL, BILLING], decides("desk", "You send requests to who is in charge.")),
        REFUND,
    ),
    "debate": (debate(ann, bo, judge=says("judge"), rounds=1), "Tea or coffee?"),
    "committee": (
        committee(
            *[decides(name, "Vote. Keep the reason to three words.") for name in ("a", "b")],
            choices=("red", "green"),
            rule=first_declared(plurality),
        ),
        "Which colour has grass?",
    ),
    "consensus": (
        consensus(
            says("pen", "Propose one short rule."),
            [
                decides(name, "You approve of what is safe. Keep the reason to three words.")
                for name in ("a", "b")
            ],
            rounds=1,
            quorum=1,
        ),
        "A rule for crossing the street.",
    ),
    "chat": (
        chat(ann, bo, turns=2, next_speaker=decides("chair", "Choose who speaks next.")),
        "Tea or coffee?",
    ),
    "refine": (
        refine(ann, says("critic", "Answer ok."), rounds=2),
        "Name a fruit.",
    ),
    "peers": (peers(Peer(ann, ("fruit",)), Peer(bo, ("cars",))), "Name a fruit."),
    "handoff": (handoff(BILLING, TECHNICAL), REFUND),
    "auction": (
        auction(decides("seller", "You sell fruit. Keep the reason to three words."), within=None),
        "Name a fruit.",
    ),
    "blackboard": (
        blackboard(Source(ann, adds="fruit"), Source(bo, ("fruit",), "colour")),
        "A fruit and its colour.",
    ),
    "events": (events(on("task", ann, then="fruit"), on("fruit", bo)), "Name a fruit."),
    "pool": (calling(pool(ann, size=1), "Name a fruit.", "Name a car."), "go"),
    "balance": (calling(balance(ann, bo), "Name a fruit.", "Name a car."), "go"),
    "workqueue": (workqueue(ann, bo, tasks=["Name a fruit.", "Name a car."]), "go"),
    "resilient": (resilient(ann, timeout=60, breaker=Breaker()), "Name a fruit."),
    "cached": (cached(ann), "Name a fruit."),
    "cascade": (cascade(ann, bo, good_enough=lambda said: bool(said.text)), "Name a fruit."),
}


@cache
def performed(name):
    """The run of one pattern, once for all tests."""
    team, task = TEAMS[name]
    return asyncio.run(team.run(task, model=embedded()))


def test_every_pattern_is_here():
    """None is left out."""
    assert sorted(TEAMS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_works_with_a_real_model(name):
    """It ends with an answer that a model gave; nothing hangs, and no member is missing."""
    result = performed(name)
    assert result.status in ("succeeded", "unverified"), result
    assert result.text.strip()
    assert result.usage.requests >= 1
    assert [failure for failure in result.missing if failure.kind != "BadOutput"] == []


def test_a_route_is_a_choice_from_what_there_is():
    """A real model chooses the right one of two."""
    assert performed("router").parts[0].sender == "billing"


def test_votes_are_votes():
    """Two ballots, each for a choice that there is."""
    tally = performed("committee").output
    assert (tally.turnout, tally.winner, set(tally.scores)) == (2, "green", {"red", "green"})


def test_bids_are_bids():
    """A real model makes a bid that a score can be made of."""
    result = performed("auction")
    assert isinstance(result.parts[0].output, Bid)
    assert result.parts[0].output.willing


def test_assignments_go_to_who_is_needed():
    """Each part is from a team that there is."""
    assert {part.sender for part in performed("hierarchy").parts} <= {"billing", "technical"}
