import pytest

from coterie import Agent, Limits, Sleep, Team, first, gather
from coterie.errors import BadInput, ModelFailed, NobodyCan, OverLimit
from coterie.patterns import balance
from coterie.testing import crash_everywhere, rehearse, simulate

ada, bob, cy = Agent("ada"), Agent("bob"), Agent("cy")
DOWN = ModelFailed("down")


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


def test_load_is_what_is_under_way():
    """Who works on something long is left alone, and calls at once go to different members."""
    waits = {"long": 100, "short": 1}

    def worker(name):
        async def play(task):
            await Sleep(waits[task.text])
            return name

        return Team(name, (), play)

    team = balance(worker("ann"), worker("bo"), by="least_loaded")

    async def play(task):
        async def shorts():
            return [(await team("short")).text for _ in range(3)]

        long, rest = await gather(team("long"), shorts())
        return f"{long.text}: {' '.join(rest)}"

    assert simulate(play).message.text == "ann: bo bo bo"


def test_load_is_given_back_on_error_and_when_a_call_is_closed():
    """So a member is not avoided for what it no longer does."""

    async def slow(task):
        await Sleep(100 if task.text == "slow" else 1)
        return "ann"

    team = balance(Team("ann", (), slow), bob, by="least_loaded")

    async def play(task):
        await first(team("slow"), Sleep(5))
        return " ".join([(await team("x")).text for _ in range(3)])

    run = simulate(play, script=lambda think: "bob", latency=1)
    assert run.message.text == "bob ann bob"  # by load they are equal, so by calls: bob has fewer


def test_two_balances_of_one_name_keep_their_own_books():
    """They have other members."""
    team = balance(balance(ada, bob), balance(cy))

    async def play(task):
        return " ".join([(await team(str(n))).text for n in range(4)])

    assert rehearse(play, "go", lambda think: think.actor)[0].text == "ada cy bob cy"


def test_so_many_are_tried_and_no_more():
    """Who failed before is in `missing`."""
    script = {"ada": lambda think: DOWN, "bob": lambda think: DOWN, "cy": "x"}
    said, _ = rehearse(balance(ada, bob, cy), "go", script)
    assert (said.text, [one.message for one in said.missing]) == ("x", ["down", "down"])
    with pytest.raises(NobodyCan, match=r"down.*down"):
        rehearse(balance(ada, bob, cy, tries=2), "go", script)


def test_a_limit_is_reached_for_everybody():
    """No other member is tried."""
    run = simulate(balance(ada, bob), "go", script="x", limits=Limits(requests=0))
    assert isinstance(run.error, OverLimit)


def test_it_survives_a_crash():
    """Turns are taken as before."""
    team = balance(ada, bob)

    async def play(task):
        return " ".join([(await team(str(n))).text for n in range(3)])

    assert crash_everywhere(Team("three", [team], play), "go", script=lambda t: t.actor).text == "ada bob ada"


@pytest.mark.parametrize("wrong", [{"by": "luck"}, {"weights": (1, 2)}, {"weights": (0,)}, {"tries": 0}])
def test_bad_input_is_refused(wrong):
    """At the door."""
    with pytest.raises(BadInput, match="balance 'balance'"):
        balance(ada, **wrong)
