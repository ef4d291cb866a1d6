"""Properties of random trees of all patterns: cut anywhere, shuffled, rehearsed, hashed otherwise."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coterie import collect_all
from coterie.errors import CoterieError, failure_of
from coterie.testing import rehearse, simulate
from coterie.testing.crash import resumes
from tests.trees import PATTERNS, VARIED, grown, journal_name, line, performed

LEAVES = st.sampled_from(["says", "says", "says", "fails"])


def trees(patterns):
    """Specifications of teams: a pattern, what it is made of, and a number that varies it."""

    def teams(children):
        some = st.lists(children, min_size=1, max_size=3)
        return st.tuples(st.sampled_from(patterns), some, st.integers(0, 63))

    return st.recursive(LEAVES, teams, max_leaves=6).filter(lambda tree: not isinstance(tree, str))


TREES = trees(PATTERNS)
FIXED = trees(VARIED)
"""Trees of patterns in which who does what does not depend on who is quicker."""


@pytest.fixture(scope="module")
def loop():
    with asyncio.Runner() as runner:
        yield runner


def quick(examples):
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
    return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=checks)


@quick(2000)
@given(tree=TREES, cut=st.floats(0, 1, exclude_max=True))
def test_p01_a_tree_cut_anywhere_comes_to_the_same(loop, tree, cut):
    """Whatever the tree and wherever the cut: the same result, and nothing settled is done again."""

    async def scene():
        actor = grown(tree)
        whole, records = await performed(actor)
        kept = records[: 1 + int(cut * (len(records) - 1))]
        await resumes(actor, whole, kept, line, {})

    loop.run(scene())


def rehearsed(actor):
    try:
        return rehearse(actor, "go", line)[0]
    except CoterieError as error:
        return failure_of(error)


@quick(300)
@given(tree=TREES)
def test_p25_a_rehearsal_is_the_run(loop, tree):
    """Played without a loop, a tree comes to what it comes to when performed, failures included."""
    actor = grown(tree)
    result, _ = loop.run(performed(actor))
    assert rehearsed(actor) == (result.message or result.failure)


@quick(300)
@given(tree=FIXED, seed=st.integers(0, 2**32))
def test_p25_a_schedule_changes_nothing(tree, seed):
    """Where every branch runs to its end, any order of settles comes to the same, usage included."""
    actor = grown(tree, policies=(collect_all,))
    one, other = (simulate(actor, "go", script=line, seed=n) for n in (0, seed))
    assert other.message == one.message
    assert repr(other.error) == repr(one.error)
    assert sorted(other.schedule) == sorted(one.schedule)


@quick(300)
@given(tree=TREES, seed=st.integers(0, 2**32), failures=st.floats(0, 0.5))
def test_p13_every_run_ends(tree, seed, failures):
    """With failures injected anywhere a run ends with a message or with an error, and never stuck."""
    run = simulate(grown(tree), "go", script=line, seed=seed, failures=failures)
    assert (run.message is None) != (run.error is None)
    assert "Deadlock" not in repr(run.error)


def test_p25_a_journal_is_the_same_under_20_hash_seeds():
    """The bytes of a journal of the patterns depend on no hash seed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.trees"],
            env={
                **os.environ,
                "PYTHONHASHSEED": str(seed),
                "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *sys.path]),
            },
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        for seed in range(20)
    ]
    digests = {process.communicate()[0] for process in running}
    assert digests == {journal_name().encode()}
