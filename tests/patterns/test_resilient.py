import asyncio

import pytest

from coterie import Agent, Limits, Task, Team, do, gather
from coterie.errors import (
    BadInput,
    BadOutput,
    Cancelled,
    Late,
    ModelFailed,
    OverLimit,
    RateLimited,
    ToolFailed,
)
from coterie.patterns import Breaker, resilient
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.tool import Tool
from coterie.words.effect import Use
from coterie.words.event import Asked
from coterie.words.message import ToolCall

ada, bob = Agent("ada"), Agent("bob")
DOWN = ModelFailed("down")


def test_what_is_retryable_is_tried_again_later_and_later():
    """Full jitter: each wait is drawn from zero up to twice the one before, and at most `most`."""
    run = simulate(
        resilient(ada, retries=3, delay=10, most=15), "go", script=[DOWN, DOWN, DOWN, "ok"], latency=0
    )
    assert (run.message.text, len(run.message.missing)) == ("ok", 3)
    assert 0 < run.elapsed <= 10 + 15 + 15


def test_what_a_provider_asks_for_is_waited():
    """A `Retry-After` is kept, and up to a tenth longer, whatever `most` says."""
    busy = RateLimited("too many")
    busy.retry_after = 100.0
    run = simulate(resilient(ada, delay=1, most=2), "go", script=[busy, "ok"], latency=0)
    assert (run.message.text, 100 <= run.elapsed <= 110) == ("ok", True)


def test_a_tool_with_consequences_is_never_tried_again_blindly():
    """A tool's error is not retryable, so there is one try."""
    calls = []

    async def pay():
        calls.append(1)
        raise ValueError("refused")

    async def paying(task):
        return await do(pay)

    with pytest.raises(ToolFailed, match="refused"):
        rehearse(resilient(Team("payer", (), paying)))
    assert calls == [1]


PAYS = [ToolCall("1", "pay", {"euros": 5})]


@pytest.mark.parametrize("idempotent", [False, True])
@pytest.mark.parametrize("fails", ["afterwards", "in time"])
def test_after_a_tool_with_consequences_nothing_is_tried_again(fails, idempotent):
    """Not when the model fails after it, nor when time is up while it works; an idempotent tool may be repeated."""
    paid = []

    def pay(euros: int) -> str:
        """Pay."""
        paid.append(euros)
        return "paid"

    clerk = Agent("clerk", tools=[Tool(pay, idempotent=idempotent)])
    lines = [PAYS, DOWN, PAYS, "done"] if fails == "afterwards" else [PAYS, PAYS, "done"]
    slow = {"use": iter([99, 1, 1])}
    run = simulate(
        resilient(clerk, retries=2, delay=1, timeout=20, simplify=lambda task: Task("less")),
        "pay the bill",
        script=lines,
        latency=lambda effect, _: next(slow["use"]) if fails == "in time" and effect.kind == "use" else 1,
    )
    if idempotent:
        assert (run.message.text, len(run.asked)) == ("done", 4 if fails == "afterwards" else 3)
    else:
        assert isinstance(run.error, ModelFailed if fails == "afterwards" else Late)
        assert len(run.asked) == (2 if fails == "afterwards" else 1)
        assert len(paid) <= 1


def test_who_steps_in_gets_the_task_all_the_same():
    """Somebody else was named for just that, and sees what failed in nobody's place."""

    def pay(euros: int) -> str:
        """Pay."""
        return "paid"

    team = resilient(Agent("clerk", tools=[pay]), fallback=bob)
    said, asked = rehearse(team, "pay", {"clerk": [PAYS, DOWN], "bob": "I looked: it was paid"})
    assert ([think.actor for think in asked], said.text) == (
        ["clerk", "clerk", "bob"],
        "I looked: it was paid",
    )


def test_then_a_simpler_task_then_somebody_else():
    """In that order; what failed on the way is in `missing`."""
    team = resilient(ada, retries=1, simplify=lambda task: Task("less"), fallback=bob)
    said, asked = rehearse(team, "much", {"ada": [DOWN, DOWN, DOWN], "bob": "mine"})
    assert [think.thread[-1].text for think in asked] == ["much", "much", "less", "much"]
    assert (said.text, len(said.missing)) == ("mine", 3)


def test_or_what_was_finished():
    """Unverified; without `partial` the first failure is raised."""

    async def halfway(task):
        await gather(bob("1"), ada("2"))

    team = Team("halfway", (), halfway)
    script = {"ada": lambda think: DOWN, "bob": "half"}
    said = rehearse(resilient(team, retries=0, partial=True), "go", script)[0]
    assert (said.text, said.unverified) == (
        "half",
        "only what was finished: ModelFailed at 'resilient/halfway/ada/think.1': down",
    )
    with pytest.raises(ModelFailed, match="down"):
        rehearse(resilient(team, retries=0), "go", script)


def test_a_try_has_a_deadline():
    """Late is retryable."""
    run = simulate(resilient(ada, retries=1, timeout=5), "go", script="ok", latency=9)
    assert isinstance(run.error, Late)
    assert run.elapsed > 10


TABLE = [
    # state it is in, after these steps   | ask at | may a call go through | then | state
    ("closed", [], 0, True, "good", "closed"),
    ("closed", [], 0, True, "bad", "closed"),
    ("closed", [("bad", 0)], 1, True, "good", "closed"),
    ("closed", [("bad", 0)], 1, True, "bad", "open"),
    ("closed", [("bad", 0), ("good", 1)], 2, True, "bad", "closed"),
    ("open", [("bad", 0), ("bad", 0)], 9, False, None, "open"),
    ("open", [("bad", 0), ("bad", 0)], 10, True, None, "half-open"),
    ("open", [("bad", 0), ("bad", 0)], 10, True, "good", "closed"),
    ("open", [("bad", 0), ("bad", 0)], 10, True, "bad", "open"),
    ("half-open", [("bad", 0), ("bad", 0), ("?", 10)], 19, False, None, "half-open"),
    ("half-open", [("bad", 0), ("bad", 0), ("?", 10)], 20, True, None, "half-open"),
    ("half-open", [("bad", 0), ("bad", 0), ("?", 10), ("bad", 11)], 20, False, None, "open"),
]
"""Two failures in a row open it, and it cools down for ten seconds."""


def take(breaker, step, now):
    asked = breaker.allows(now) if step == "?" else breaker.record(step == "good", now)
    return asyncio.run(asked)


@pytest.mark.parametrize(("before", "steps", "now", "allowed", "then", "after"), TABLE)
def test_the_states_of_a_breaker(before, steps, now, allowed, then, after):
    """Closed, open, half-open: the whole table."""
    breaker = Breaker(failures=2, cooldown=10)
    for step, at in steps:
        take(breaker, step, at)
    assert breaker.state == before or (before == "half-open" and then is None and not allowed)
    assert take(breaker, "?", now) is allowed
    if then is not None:
        take(breaker, then, now)
    assert breaker.state == after


def test_an_open_breaker_leaves_the_actor_alone():
    """The substitute answers at once; a replay asks no breaker."""
    breaker = Breaker(failures=1, cooldown=1000)
    team = resilient(ada, retries=0, breaker=breaker, fallback=bob)
    script = {"ada": lambda think: DOWN, "bob": "b"}
    asked = [len(rehearse(team, "go", script)[1]) for _ in range(2)]
    assert asked == [2, 1]


def test_a_limit_that_is_reached_opens_no_breaker():
    """It says nothing about the actor."""
    breaker = Breaker(failures=1)
    run = simulate(resilient(ada, breaker=breaker), "go", script="x", limits=Limits(requests=0))
    assert (type(run.error), breaker.state) == (OverLimit, "closed")


def test_a_breakers_steps_are_repeated_after_a_crash():
    """Nobody has to decide whether it was asked: asking once more does no harm."""
    asked = simulate(resilient(ada, breaker=Breaker()), "go", script="x", journal=True).journal
    steps = [event.effect.by for event in asked if isinstance(event, Asked) and isinstance(event.effect, Use)]
    assert [(step.name, step.idempotent) for step in steps] == [("allows", True), ("record", True)]


def test_waits_and_dice_are_effects():
    """So they are in the journal: a replay waits for nothing and draws nothing anew."""
    run = simulate(resilient(ada, retries=2), "go", script=[DOWN, DOWN, "ok"], journal=True)
    kinds = [event.effect.kind for event in run.journal if isinstance(event, Asked)]
    assert kinds == ["think", "draw", "sleep", "think", "draw", "sleep", "think"]


def test_what_is_not_retryable_is_not_tried_again_and_a_rule_may_say_what_is():
    """A bad answer stays bad, unless one knows better."""
    wrong = BadOutput("no JSON")
    with pytest.raises(BadOutput):
        rehearse(resilient(ada), "go", [wrong, "ok"])
    said, _ = rehearse(resilient(ada, retry_on=lambda error: True), "go", [wrong, "ok"])
    assert (said.text, said.missing[0].kind) == ("ok", "BadOutput")


def test_a_cancel_during_a_wait_ends_it():
    """Nothing is tried after a cancel."""
    run = simulate(resilient(ada, retries=9, delay=60), "go", script=lambda t: DOWN, cancel_at=5, latency=1)
    assert (type(run.error), run.elapsed) == (Cancelled, 5)


def test_resilience_survives_a_crash():
    """Waits and draws are effects."""
    said = crash_everywhere(
        resilient(ada, retries=1, fallback=bob, delay=0.001),
        "go",
        script=lambda t: DOWN if t.actor == "ada" else "b",
    )
    assert said.text == "b"


@pytest.mark.parametrize(
    "wrong",
    [lambda: resilient(ada, retries=-1), lambda: resilient(ada, delay=-1), lambda: Breaker(failures=0)],
)
def test_bad_input_is_refused(wrong):
    """At the door."""
    with pytest.raises(BadInput):
        wrong()
