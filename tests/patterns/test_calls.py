"""What makes calls last: resilient, breaker, cached, cascade, pool and balance."""

import asyncio

import pytest

from coterie import Agent, Sleep, Task, Team, collect_all, do, gather
from coterie.errors import BadInput, BranchesFailed, Late, ModelFailed, NobodyCan, ToolFailed
from coterie.models import scripted
from coterie.patterns import Breaker, Cache, balance, cached, cascade, pool, resilient
from coterie.testing import crash_everywhere, rehearse, simulate

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")
DOWN = ModelFailed("down")


def test_what_is_retryable_is_tried_again_later_and_later():
    """Full jitter: each wait is drawn from zero up to twice the one before, and at most `most`."""
    run = simulate(
        resilient(ada, retries=3, delay=10, most=15), "go", script=[DOWN, DOWN, DOWN, "ok"], latency=0
    )
    assert (run.message.text, len(run.message.missing)) == ("ok", 3)
    assert 0 < run.elapsed <= 10 + 15 + 15


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


def ask(breaker, *steps):
    async def scene():
        seen = []
        for step, now in steps:
            seen.append(await (breaker.allows(now) if step == "?" else breaker.record(step == "good", now)))
        return seen

    return asyncio.run(scene())


def test_the_states_of_a_breaker():
    """Closed, open after so many failures in a row, one trial after the cooldown, closed by a success."""
    breaker = Breaker(failures=2, cooldown=10)
    assert ask(breaker, ("bad", 0), ("good", 1), ("bad", 2), ("?", 2)) == ["closed", "closed", "closed", True]
    assert ask(breaker, ("bad", 3), ("?", 4), ("?", 13), ("?", 14)) == ["open", False, True, False]
    assert breaker.state == "half-open"
    assert ask(breaker, ("bad", 15), ("?", 16), ("?", 25), ("good", 26), ("?", 26)) == [
        "open",
        False,
        True,
        "closed",
        True,
    ]


def test_a_trial_of_which_nothing_is_heard_does_not_close_it_for_ever():
    """After another cooldown somebody else may try."""
    breaker = Breaker(failures=1, cooldown=10)
    assert ask(breaker, ("bad", 0), ("?", 10), ("?", 11), ("?", 20)) == ["open", True, False, True]


def test_an_open_breaker_leaves_the_actor_alone():
    """The substitute answers at once; a replay asks no breaker."""
    breaker = Breaker(failures=1, cooldown=1000)
    team = resilient(ada, retries=0, breaker=breaker, fallback=bob)
    script = {"ada": lambda think: DOWN, "bob": "b"}
    asked = [len(rehearse(team, "go", script)[1]) for _ in range(2)]
    assert asked == [2, 1]


def test_resilience_survives_a_crash():
    """Waits and draws are effects."""
    said = crash_everywhere(
        resilient(ada, retries=1, fallback=bob, delay=0.001),
        "go",
        script=lambda t: DOWN if t.actor == "ada" else "b",
    )
    assert said.text == "b"


def runs(team, *tasks, script="x"):
    async def scene():
        model = scripted(script)
        return [await team.run(task, model=model) for task in tasks]

    return asyncio.run(scene())


def test_the_same_task_is_asked_once():
    """From run to run; what is cached costs no request."""
    one, two, other = runs(cached(ada), "a", "a", "b")
    assert [one.usage.requests, two.usage.requests, other.usage.requests] == [1, 0, 1]
    assert two.text == one.text


def test_two_who_ask_at_once_ask_once():
    """The second waits for the first."""
    team = cached(ada)

    async def play(task):
        return str([said.text for said in await gather(team("a"), team("a"), team("b"))])

    run = simulate(play, script=lambda think: think.thread[-1].text)
    assert (run.message.text, len(run.asked)) == ("['a', 'a', 'b']", 2)


def test_a_failed_or_old_answer_is_not_used_again():
    """After `ttl` seconds it is asked anew; of too many the longest unused goes."""
    cache = Cache(1)

    async def play(task):
        for text, pause in [("a", 5), ("a", 20), ("a", 0), ("b", 0), ("a", 0)]:
            await cached(ada, ttl=10, store=cache)(text)
            await Sleep(pause)
        return ""

    assert len(simulate(play, script="x", latency=0).asked) == 4
    team = cached(ada)
    assert [one.status for one in runs(team, "a", "a", script=[DOWN, "ok"])] == ["failed", "succeeded"]


def test_cheap_members_first_and_up_while_it_is_not_good_enough():
    """Who fails is passed over; the last answer says what is wrong with it."""
    team = cascade(ada, bob, cy, good_enough=lambda said: len(said.text) > 2 or "too short")
    said, _ = rehearse(team, "go", {"ada": "a", "bob": [DOWN], "cy": "long"})
    assert (said.text, len(said.parts), len(said.missing)) == ("long", 2, 1)
    assert len(rehearse(team, "go", {"ada": "long"})[1]) == 1
    assert rehearse(team, "go", "x")[0].unverified == "too short"
    with pytest.raises(BranchesFailed, match="none of 3 answered"):
        rehearse(team, "go", lambda think: DOWN)


def busiest(team, calls, **options):
    """The most calls that were under way at once, and the run."""
    load = [0, 0]

    async def work(task):
        load[0] += 1
        load[1] = max(load)
        try:
            await Sleep(10)
            if task.text == "fails":
                raise KeyError
        finally:
            load[0] -= 1
        return task.text

    def play(limited):
        async def playing(task):
            found = await gather(*(limited(call) for call in calls), on_failure=collect_all)
            return " ".join(getattr(one, "text", None) or one.kind for one in found)

        return playing

    return simulate(play(team(Team("work", (), work)))), load


def test_a_pool_lets_so_many_work_at_once_in_order_of_arrival():
    """A place is given back when a call fails, too."""
    run, load = busiest(lambda actor: pool(actor, size=2), ["a", "fails", "b", "c"])
    assert (run.message.text, load, run.elapsed) == ("a KeyError b c", [0, 2], 20)


def test_a_pool_grows_where_waiting_takes_too_long_and_fails_where_it_cannot():
    """Up to its bound."""
    run, load = busiest(lambda actor: pool(actor, size=1, scale_to=2, timeout=5), ["a", "b"])
    assert (run.message.text, load) == ("a b", [0, 2])
    run, load = busiest(lambda actor: pool(actor, size=1, timeout=5), ["a", "b"])
    assert (run.message.text, load) == ("a Late", [0, 1])


def test_a_place_comes_back_from_a_call_that_is_closed():
    """Nobody waits for ever for somebody who is gone."""
    from coterie import first

    async def slow(task):
        await Sleep(100 if task.text == "slow" else 1)
        return task.text

    limited = pool(Team("work", (), slow), size=1, timeout=50)

    async def play(task):
        await first(limited("slow"), Sleep(5))
        return (await limited("quick")).text

    assert simulate(play).message.text == "quick"


@pytest.mark.parametrize(
    ("by", "options", "expected"),
    [
        ("round_robin", {}, "ada bob cy ada bob cy"),
        ("weighted", {"weights": (4, 1, 1)}, "ada ada bob ada cy ada"),
        ("least_loaded", {}, "ada bob cy ada bob cy"),
    ],
)
def test_calls_are_spread(by, options, expected):
    """All calls of a run count together."""
    team = balance(ada, bob, cy, by=by, **options)

    async def play(task):
        return " ".join([(await team(str(n))).text for n in range(6)])

    assert rehearse(play, "go", lambda think: think.actor)[0].text == expected


def test_the_healthiest_is_preferred_and_who_fails_is_passed_over():
    """A member whose calls fail is asked last."""
    team = balance(ada, bob, by="healthiest")

    async def play(task):
        return " ".join([(await team(str(n))).text for n in range(3)])

    said, asked = rehearse(play, "go", lambda think: DOWN if think.actor == "ada" else "b")
    assert (said.text, [think.actor for think in asked]) == ("b b b", ["ada", "bob", "bob", "bob"])
    with pytest.raises(NobodyCan):
        rehearse(team, "go", lambda think: DOWN)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: resilient(ada, retries=-1),
        lambda: cached(ada, ttl=0),
        lambda: cascade(good_enough=str),
        lambda: pool(ada, size=0),
        lambda: pool(ada, size=2, scale_to=1),
        lambda: balance(ada, by="luck"),
        lambda: balance(ada, weights=(1, 2)),
        lambda: Breaker(failures=0),
    ],
)
def test_bad_input_is_refused(wrong):
    """At the door."""
    with pytest.raises(BadInput):
        wrong()
