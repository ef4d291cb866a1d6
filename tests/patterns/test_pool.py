import pytest

from coterie import Agent, Sleep, Team, collect_all, first, gather
from coterie.errors import BadInput
from coterie.patterns import pool
from coterie.testing import crash_everywhere, simulate

ada = Agent("ada")


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

    async def slow(task):
        await Sleep(100 if task.text == "slow" else 1)
        return task.text

    limited = pool(Team("work", (), slow), size=1, timeout=50)

    async def play(task):
        await first(limited("slow"), Sleep(5))
        return (await limited("quick")).text

    assert simulate(play).message.text == "quick"


def test_it_is_fair():
    """Whoever came first is served first, whatever the schedule."""
    order = []

    async def work(task):
        order.append(task.text)
        await Sleep(1)
        return ""

    limited = pool(Team("work", (), work), size=2)
    callers = [str(n) for n in range(20)]

    async def play(task):
        await gather(*(limited(one) for one in callers))
        return ""

    for seed in range(5):
        order.clear()
        simulate(play, seed=seed)
        assert order == callers


def test_who_has_waited_too_long_gets_a_further_place_though_others_wait_too():
    """Each by itself, as soon as its own time is over."""
    run, load = busiest(lambda actor: pool(actor, size=1, scale_to=3, timeout=2), ["a", "b", "c"])
    assert (run.message.text, load, run.elapsed) == ("a b c", [0, 3], 12)


def test_when_all_further_places_are_taken_who_waits_is_late():
    """One of the two whose time is over at the same moment gets the further place."""
    run, load = busiest(lambda actor: pool(actor, size=1, scale_to=2, timeout=2), ["a", "b", "c"])
    assert (run.message.text.count("Late"), run.message.text[:2], load) == (1, "a ", [0, 2])


def test_two_pools_of_one_name_do_not_share_places():
    """Not even one around the other."""

    async def play(task):
        return (await pool(pool(ada, size=1), size=1)("go")).text

    assert simulate(play, script="x").message.text == "x"


def test_no_place_is_lost_under_failures_drops_and_closed_calls():
    """After whatever happened, as many as ever may work at once."""
    working = 0

    async def work(task):
        nonlocal working
        working += 1
        try:
            assert working <= 2
            return await ada(task)
        finally:
            working -= 1

    limited = pool(Team("work", [ada], work), size=2, timeout=20_000)

    async def hurried(n):
        return await first(limited(str(n)), Sleep(0.5 + n))

    async def play(task):
        calls = [limited(f"{n}") for n in range(6)]
        await gather(*calls, *(hurried(n) for n in range(4)), on_failure=collect_all)
        said = await gather(limited("x"), limited("y"), on_failure=collect_all)
        return str(len(said))

    for seed in range(50):
        run = simulate(play, script="ok", seed=seed, failures=0.2, drops=0.1)
        assert (run.message.text, working) == ("2", 0)


def test_it_survives_a_crash():
    """Places are claimed again as they were."""
    limited = pool(ada, size=1)

    async def play(task):
        return " ".join(said.text for said in await gather(*(limited(str(n)) for n in range(3))))

    team = Team("three", [limited], play)
    assert crash_everywhere(team, "go", script=lambda think: think.thread[-1].text).text == "0 1 2"


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 2, "scale_to": 1}, {"size": 1, "timeout": -1}])
def test_bad_input_is_refused(wrong):
    """At the door."""
    with pytest.raises(BadInput, match="pool 'pool': size is 1 or more"):
        pool(ada, **wrong)
