import pytest

from coterie import Agent, Hear, Now, Sleep, first, gather, within
from coterie.errors import Cancelled, Late, ModelFailed
from coterie.testing import simulate

CREW = [Agent(name) for name in "abcdef"]


async def all_of_them(task):
    return ",".join(said.text for said in await gather(*(one(task) for one in CREW)))


def name_of(think):
    return think.actor


def test_the_same_seed_gives_the_same_run():
    """Durations, order and outcome follow from the seed alone."""
    assert simulate(all_of_them, script=name_of, seed=3) == simulate(all_of_them, script=name_of, seed=3)


def test_seeds_shuffle_the_schedule():
    """Another seed settles in another order, and the outcome is the same."""
    runs = [simulate(all_of_them, script=name_of, seed=seed) for seed in range(30)]
    assert len({run.schedule for run in runs}) > 20
    assert {run.message.text for run in runs} == {"a,b,c,d,e,f"}


def test_what_ends_at_the_same_moment_ends_in_any_order():
    """Ties are drawn from the seed as well."""
    assert len({simulate(all_of_them, script=name_of, seed=n, latency=1).schedule for n in range(30)}) > 20


def test_time_is_virtual():
    """A day passes at once, and `Now` says so."""

    async def play(task):
        before = await Now()
        await Sleep(86400)
        return str(await Now() - before)

    run = simulate(play)
    assert (run.elapsed, run.message.text) == (86400, "86400.0")


def test_deadlines_and_races_follow_virtual_time():
    """`within` and `first` are decided by the virtual clock."""

    async def play(task):
        with pytest.raises(Late):
            await within(1, CREW[0]("x"))
        return await first(CREW[0]("x"), CREW[1]("x"))

    run = simulate(play, script=name_of, latency=lambda effect, _: {"a": 5, "b": 2}[effect.actor])
    assert (run.elapsed, run.message.text) == (3, "b")


def test_failures_are_injected_with_their_probability():
    """At 1 every call fails; at 0 none does."""
    assert isinstance(simulate(all_of_them, script=name_of, failures=1.0).error, ModelFailed)
    ends = [simulate(all_of_them, script=name_of, failures=0.1, seed=n).error is None for n in range(200)]
    assert 0.4 < sum(ends) / 200 < 0.65


def test_a_run_that_waits_for_the_outside_ends_as_cancelled():
    """Nothing from outside will ever come in a simulation."""

    async def play(task):
        return await Hear("news", outside=True)

    assert isinstance(simulate(play).error, Cancelled)
