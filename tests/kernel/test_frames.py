import pytest

from coterie import Agent, Here, Message, Team, first, gather
from coterie.errors import BadInput, Circular, PlayError, RunError
from coterie.team import actor_of
from coterie.testing import rehearse, simulate

a, b = Agent("a"), Agent("b")


def schedule(play, task="go", **options):
    return simulate(play, task, script="x", **options).schedule


def test_a_path_says_who_works_below_whom():
    """Frames are named after their actors, steps after their effects, and both are counted from 1."""

    async def inner(task):
        await a("1")
        return await a("2")

    async def play(task):
        await Team("inner", (a,), inner)("x")
        return await b("y")

    assert schedule(play) == ("play/inner/a/think.1", "play/inner/a.2/think.1", "play/b/think.1")


@pytest.mark.parametrize("seed", range(10))
def test_paths_do_not_depend_on_which_sibling_finished_first(seed):
    """A strand counts its own steps."""

    async def twice(task):
        await a(task)
        return await a(task)

    async def play(task):
        await gather(*(twice(str(n)) for n in range(3)))
        return "done"

    expected = {
        f"play/{one}/{two}/think.1" for one in ("twice", "twice.2", "twice.3") for two in ("a", "a.2")
    }
    assert set(schedule(play, seed=seed)) == expected


def test_a_play_may_return_a_text():
    """It becomes a message of the frame's actor."""

    async def play(task):
        return "hello"

    assert rehearse(Team("greeter", (), play), "go")[0] == Message(sender="greeter", text="hello")


def test_a_play_that_returns_nothing_is_told_what_to_return():
    """The error names the actor and the type."""

    async def play(task):
        return None

    with pytest.raises(PlayError, match="'play' returned NoneType"):
        rehearse(play)


def test_usage_adds_up_frame_by_frame():
    """A team's message carries what everything below it cost, branches that lost included."""

    async def play(task):
        await gather(a("1"), b("2"))
        return await first(a("3"), b("4"))

    said, asked = rehearse(play, "go", "word")
    assert said.usage.requests == 3
    assert len(asked) == 3


def test_p12_circular_delegation_stops_at_the_first_repeat():
    """The same task given to the same actor below itself is refused, naming the circle."""

    async def to_other(task):
        return await other(task)

    async def back(task):
        return await team(task)

    other = Team("other", (), back)
    team = Team("team", (), to_other)
    with pytest.raises(Circular, match="team -> other -> team"):
        rehearse(team, "go")


def test_p12_the_same_actor_with_another_task_is_no_circle():
    """Recursion that gets somewhere is fine."""

    async def down(task):
        n = int(task.text)
        return "bottom" if n == 0 else await team(str(n - 1))

    team = Team("down", (), down)
    assert rehearse(team, "5")[0].text == "bottom"


def test_a_run_does_not_go_deeper_than_a_bound():
    """Recursion that never ends is stopped with a path."""

    async def down(task):
        return await team(task.text + ".")

    team = Team("down", (), down)
    with pytest.raises(RunError, match="64 frames deep"):
        rehearse(team, "go")


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "a b", "a\nb"])
def test_a_name_has_to_fit_in_a_path(name):
    """Names with slashes, dots or white space are refused at once."""
    with pytest.raises(BadInput):
        Agent(name)


def test_here_is_the_path_of_the_frame_that_asks():
    """Each call of an actor has a name of its own for its topics and its part of the board."""

    async def inner(task):
        return await Here()

    async def outer(task):
        one = actor_of(inner)
        return " ".join(said.text for said in [await one("a"), *await gather(one("b"), one("c"))])

    assert rehearse(outer)[0].text == "outer/inner outer/inner.2 outer/inner.3"
