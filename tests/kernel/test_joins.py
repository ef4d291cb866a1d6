from inspect import CORO_CLOSED, getcoroutinestate

import pytest

from coterie import Agent, Sleep, best_effort, collect_all, fail_fast, first, gather, quorum, race, within
from coterie.errors import BranchesFailed, Late
from coterie.testing import simulate
from coterie.words.failure import Failure

SIZES = range(1, 6)


async def ends(after, value):
    """A branch that ends `after` seconds with `value`, or with the error that it is."""
    await Sleep(after)
    if isinstance(value, Exception):
        raise value
    return value


def joined(*branches, join=gather, seed=0, **options):
    """What a join of branches `(seconds, value)` came to, and when."""
    came = []

    async def play(task):
        came.append(await join(*(ends(*branch) for branch in branches), **options))
        return "done"

    run = simulate(play, seed=seed)
    if run.error is not None:
        raise run.error
    return came[0], run.elapsed


def kinds(outcomes):
    return [one.kind if isinstance(one, Failure) else one for one in outcomes]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("policy", [fail_fast, collect_all, best_effort(within=99)])
def test_p14_all_succeed(size, policy):
    """Values stand in declared order, whatever ended first, when the slowest is there."""
    branches = [(size - n, n) for n in range(size)]
    assert joined(*branches, on_failure=policy) == (list(range(size)), size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bad", SIZES)
def test_p14_fail_fast(size, bad):
    """The first failure is raised as it is, when it happens; the others are closed."""
    branches = [(n + 1, ValueError(n) if n + 1 == bad else n) for n in range(max(size, bad))]
    with pytest.raises(ValueError, match=str(bad - 1)):
        joined(*branches)


def test_p14_fail_fast_raises_the_first_cause_in_time():
    """Not the first in declared order."""
    with pytest.raises(ValueError, match="early"):
        joined((5, ValueError("late")), (1, ValueError("early")))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bad", range(6))
def test_p14_collect_all(size, bad):
    """Everybody runs to the end; each stands as a value or as a failure, in its own place."""
    branches = [(n + 1, ValueError(n) if n < bad else n) for n in range(size)]
    outcomes, elapsed = joined(*branches, on_failure=collect_all)
    assert kinds(outcomes) == ["ValueError" if n < bad else n for n in range(size)]
    assert elapsed == size


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("needed", SIZES)
@pytest.mark.parametrize("bad", range(6))
def test_p14_quorum(size, needed, bad):
    """Enough successes end it; too many failures end it as soon as that is certain."""
    bad = min(bad, size)
    branches = [(n + 1, ValueError(n) if n < bad else n) for n in range(size)]
    if size - bad < needed:
        with pytest.raises(BranchesFailed, match=f"{needed} needed"):
            joined(*branches, on_failure=quorum(needed))
        return
    outcomes, elapsed = joined(*branches, on_failure=quorum(needed))
    assert elapsed == bad + needed
    assert kinds(outcomes) == [
        "ValueError" if n < bad else n if n < bad + needed else "Skipped" for n in range(size)
    ]


@pytest.mark.parametrize("size", SIZES)
def test_p14_best_effort(size):
    """What is there when the time is up is the result; the rest is late."""
    branches = [(2 * n + 1, n) for n in range(size)]
    outcomes, elapsed = joined(*branches, on_failure=best_effort(within=4))
    assert kinds(outcomes) == [n if n < 2 else "Late" for n in range(size)]
    assert elapsed == min(4, 2 * size - 1)


@pytest.mark.parametrize("policy", [fail_fast, collect_all, best_effort(within=1)])
def test_p14_a_join_of_nothing_is_an_empty_list(policy):
    """No branches is no special case."""
    assert joined(on_failure=policy) == ([], 0)


def test_first_takes_the_first_success():
    """Failures before it do not count, and the others are closed."""
    assert joined((1, ValueError("no")), (3, "slow"), (2, "quick"), join=first) == ("quick", 2)


def test_first_fails_when_all_have():
    """The first failure is the cause."""
    with pytest.raises(BranchesFailed, match="none of 2") as caught:
        joined((1, ValueError("one")), (2, ValueError("two")), join=first)
    assert str(caught.value.__cause__) == "one"


def test_race_takes_the_first_end_good_or_bad():
    """Whoever ends first decides."""
    assert joined((2, "slow"), (1, "quick"), join=race) == ("quick", 1)
    with pytest.raises(ValueError, match="no"):
        joined((2, "slow"), (1, ValueError("no")), join=race)


def test_within_gives_the_value_or_is_late():
    """The deadline is kept to the moment, and an error comes through as it is."""

    def bounded(branch):
        return within(2, branch)

    assert joined((1, "x"), join=bounded) == ("x", 1)
    with pytest.raises(Late, match="within 2 s"):
        joined((3, "x"), join=bounded)
    with pytest.raises(ValueError, match="no"):
        joined((1, ValueError("no")), join=bounded)


def test_deadlines_nest():
    """The outer one is kept whatever the inner one allows."""

    async def play(task):
        await within(1, within(9, Sleep(5)))
        return "done"

    run = simulate(play)
    assert (type(run.error), run.elapsed) == (Late, 1)


@pytest.mark.parametrize("seed", range(100))
def test_p13_a_join_fires_exactly_once(seed):
    """In loops with succeeded, failed and skipped branches, on any schedule, it is passed once a turn."""
    passed = []

    async def play(task):
        for turn in range(10):
            branches = [ends(1, turn), ends(1, ValueError("no")), ends(1, turn), ends(2, turn)]
            outcomes = await gather(*branches, on_failure=quorum(1))
            passed.append([isinstance(one, Failure) for one in outcomes].count(False))
        return "done"

    run = simulate(play, seed=seed)
    assert (run.error, len(passed)) == (None, 10)
    assert set(passed) <= {1, 2, 3}


def test_p13_a_join_of_one_at_a_time_fires_too():
    """Branches that only ever run one after another still end a join."""
    a = Agent("a")

    async def play(task):
        for _ in range(100):
            await gather(a("x"))
        return "done"

    assert simulate(play, script="x").usage.requests == 100


def test_what_was_finished_rides_on_the_error():
    """Winners are never lost when a sibling fails."""
    with pytest.raises(BranchesFailed) as caught:
        joined((1, "won"), (2, ValueError("no")), (3, "never"), on_failure=quorum(3))
    assert caught.value.finished == ("won",)


@pytest.mark.parametrize(
    ("make", "why"), [(lambda: quorum(0), "at least 1"), (lambda: best_effort(within=-1), "0 seconds")]
)
def test_policies_that_make_no_sense_are_refused(make, why):
    """They say what they need."""
    with pytest.raises(ValueError, match=why):
        make()


def test_what_never_began_is_closed():
    """A branch that ends at once leaves nothing of the others unawaited, however deep it would have been joined."""
    inner = [ends(1, n) for n in range(3)]

    async def at_once():
        return "first"

    async def play(task):
        return await race(at_once(), gather(inner[0], first(inner[1], within(9, inner[2]))))

    assert simulate(play).message.text == "first"
    assert [getcoroutinestate(one) for one in inner] == [CORO_CLOSED] * 3
