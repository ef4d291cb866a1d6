"""The table: every pattern, by what every pattern promises. `docs/patterns/README.md` shows it."""

import asyncio
import importlib
import inspect
from hashlib import blake2b
from pathlib import Path

import pytest

from coterie import Agent, Limits, Message, best_effort, collect_all, fail_fast, patterns, quorum
from coterie.errors import Cancelled, CoterieError, ModelFailed
from coterie.kernel.machine import Machine
from coterie.models import scripted
from coterie.team import Team
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.testing.still import StillWorld
from coterie.words.task import Task

FOLDER = Path(__file__).parent / "specimens"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
NO_PATTERN = {"agreed", "check_plan", "concatenate", "merge", "planner", "stage"}
"""Functions of `coterie.patterns` that build no team."""
WORDS = {fail_fast: "fail_fast", collect_all: "collect_all"}


def specimen(name):
    return importlib.import_module(f"tests.patterns.specimens.{name}")


def built(name, members, **options):
    return specimen(name).build([Agent(one) for one in members], name=name, **options)


def line(think):
    """What a model says depends on who is asked and on the whole prompt, and on nothing else."""
    if think.actor.startswith("fails"):
        return ModelFailed(f"{think.actor} is down")
    name = blake2b(think.actor.encode() + think.thread.digest, digest_size=4).hexdigest()
    return "ok" if name[0] in "01234" else name


every = pytest.mark.parametrize("name", NAMES)


def test_every_pattern_has_a_specimen():
    """What `coterie.patterns` builds is in this table."""
    public = {name for name in patterns.__all__ if inspect.isfunction(getattr(patterns, name))}
    teams = {
        name for name in public if "Team" in str(inspect.signature(getattr(patterns, name)).return_annotation)
    }
    assert teams - set(NAMES) == {"claimed"}  # one member made ready for conflicts: test_claimed.py


@every
def test_rehearsal(name):
    """Played without a loop it gives a message, and so it does twice over."""
    one, other = (rehearse(built(name, ["a", "b", "c"]), "go", line)[0] for _ in range(2))
    assert isinstance(one, Message)
    assert one == other


@every
def test_crash_everywhere(name):
    """Cut after any event of its journal, it comes out the same, and nothing settled is done again."""
    assert crash_everywhere(built(name, ["a", "b", "c"]), "go", script=line).message is not None


@every
def test_crash_everywhere_with_a_member_that_fails(name):
    """Failures are replayed like everything else."""
    result = crash_everywhere(built(name, ["a", "fails", "c"]), "go", script=line)
    assert result.status != "running"


@every
def test_cancel(name):
    """Stopped after any of its steps, it is cancelled, and nothing is under way any more."""
    world = StillWorld(line)
    whole = 0
    for after in range(1000):
        machine = Machine(built(name, ["a", "b", "c"]), Task("go"))
        steps = 0
        while not machine.done and steps < after:
            for asked in machine.wants():
                if asked.path in machine.parked and steps < after:
                    machine.settle(world.perform(asked))
                    steps += 1
        if machine.done:
            whole = after
            break
        machine.cancel("enough")
        assert isinstance(machine.error, Cancelled)
        assert (machine.parked, machine.done) == ({}, True)
    assert whole > 0


@every
@pytest.mark.parametrize("cap", range(4))
def test_budget_cap(name, cap):
    """No cap is exceeded; at it the run stops with what was finished, or goes on with what there is."""
    run = simulate(built(name, ["a", "b", "c"]), "go", script=line, limits=Limits(requests=cap))
    assert run.usage.requests <= cap
    assert run.message is not None or isinstance(run.error, CoterieError)


@every
@pytest.mark.parametrize("policy", [fail_fast, collect_all, quorum(1), best_effort(within=60)], ids=str)
@pytest.mark.parametrize("failing", range(3))
def test_one_of_three_fails(name, policy, failing):
    """The run ends with a message that shows the failure, or with a typed error; never stuck."""
    members = ["a", "b", "c"]
    members[failing] = "fails"
    run = simulate(built(name, members, on_failure=policy), "go", script=line)
    assert (run.message is None) != (run.error is None)
    assert "Deadlock" not in repr(run.error)
    if run.message is not None:
        assert "is down" not in run.message.text
    if specimen(name).POLICIES and policy == fail_fast:
        assert "fails is down" in str(run.error) or run.message is not None


@every
@pytest.mark.parametrize("outer", NAMES)
def test_nested(name, outer):
    """Inside any other pattern, it comes to a message, and replays."""
    inner = built(name, ["a", "b"])
    team = specimen(outer).build([inner, Agent("z")], name=f"outer-{outer}")
    assert isinstance(rehearse(team, "go", line)[0], Message)


@every
def test_on_any_schedule_it_ends(name):
    """Whatever ends first, and whatever fails or is never heard of again: a message or a typed error."""
    team = built(name, ["a", "b", "c"], on_failure=collect_all)
    for seed in range(40):
        run = simulate(team, "go", script=line, seed=seed, failures=0.1, drops=0.05)
        assert (run.message is None) != (run.error is None)
        assert "Deadlock" not in repr(run.error)


@every
def test_performed(name):
    """By a real loop it comes to what it comes to when rehearsed."""
    team = built(name, ["a", "b", "c"])
    result = asyncio.run(team.run("go", model=scripted(line)))
    assert isinstance(team, Team)
    assert result.message == rehearse(team, "go", line)[0]
