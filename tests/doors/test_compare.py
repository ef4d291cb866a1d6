"""`coterie compare`: two actors on the same tasks, every figure with its run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coterie.doors.cli.commands import coterie
from coterie.doors.compare import sign_test
from coterie.doors.questions import questions
from coterie.teamfile import BadFile

SOURCE = Path(__file__).parents[2] / "src"
TEAMS = """
import asyncio, os
from coterie import Agent
from coterie.models import scripted
from coterie.patterns import committee, cascade

def last(think):
    return think.thread[-1].text if len(think.thread) == 1 else think.thread[0].text

def vote(think):
    with open("asked", "a") as log:
        log.write(think.actor + "\\n")
    word = "yes" if think.actor == "b" or "even" in think.thread[0].text else "no"
    return {"choice": word, "reason": think.actor}

def answer(think):
    with open("asked", "a") as log:
        log.write("solo\\n")
    if "crash" in last(think):
        raise RuntimeError("down")
    return "Yes." if "odd" in last(think) or "both" in last(think) else "no"

async def hangs(think):
    if not os.path.exists("go"):
        open("hanging", "w").close()
        await asyncio.sleep(600)
    return await scripted(answer)(think)

team = committee(*(Agent(name, model=scripted(vote)) for name in "abc"))
solo = Agent("solo", model=scripted(answer))
slow = Agent("slow", model=hangs)
bad = Agent("bad", model=scripted("rubbish of some length"))
worse = cascade(bad, solo, good_enough=lambda said: "rubbish" not in said.text)
judge = Agent("judge", model=scripted(lambda think: {"choice": "A"}))
fair = Agent("fair", model=scripted(lambda think: {"choice": "A" if "Answer A:\\nno" in think.thread[0].text else "B"}))

def short(message):
    return len(message.text) < 4

def broken(message):
    raise ZeroDivisionError("by nothing")
"""
TASKS = """
{"id": "even", "task": "Is 2 even?", "equals": "yes"}
{"id": "odd", "task": "Is 3 odd?", "equals": "yes"}
{"id": "both", "task": "Are both even?", "equals": "yes", "contains": "y"}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test has a folder of its own, with teams and tasks in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_STORE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(SOURCE), prepend=os.pathsep)
    (tmp_path / "teams.py").write_text(TEAMS)
    (tmp_path / "tasks.jsonl").write_text(TASKS)
    path = list(sys.path)
    yield
    sys.path[:] = path


def say(*args: str) -> Result:
    """What `coterie args` does, in this process."""
    return CliRunner().invoke(coterie, args, catch_exceptions=False)


def compared(*args: str, team: str = "teams.py:team", against: str = "teams.py:solo") -> dict:
    """Every figure of one comparison."""
    said = say("compare", team, "tasks.jsonl", "--against", against, "--id", "c", "--json", *args)
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


def test_both_sides_by_the_same_checks() -> None:
    """Who is right on what, what it took, and where the two differ."""
    data = compared()
    assert [[one["task"], one["team"]["passed"], one["against"]["passed"]] for one in data["tasks"]] == [
        ["even", True, False],
        ["odd", False, True],
        ["both", True, True],
    ]
    team, against = data["scores"]["team"], data["scores"]["against"]
    assert [team["passed"], against["passed"], data["only"]] == [2, 2, {"team": 1, "against": 1}]
    assert [team["calls"], against["calls"], team["dissent"]] == [9, 3, 1]
    assert data["sign_test"] == 1.0


def test_the_table() -> None:
    """A row a figure and a column a side on stdout, progress on stderr."""
    said = say("compare", "teams.py:team", "tasks.jsonl", "--against", "teams.py:solo", "--id", "c")
    rows = {line[:26].strip(): line[26:].split() for line in said.stdout.splitlines() if line.strip()}
    assert rows["right"] == ["2", "of", "3", "2", "of", "3"]
    assert rows["model calls"] == ["9", "3"]
    assert rows["agreement of members"] == ["89%", "-"]
    assert "  even: only committee (coterie show c.even.team, coterie show c.even.against)" in said.stdout
    assert "even: team right, against wrong" in said.stderr


def test_every_figure_can_be_looked_up() -> None:
    """All runs are kept, under the names that the comparison says."""
    data = compared()
    for pair in data["tasks"]:
        assert "succeeded" in say("show", pair["team"]["run"]).stderr


def test_what_is_there_is_not_made_again() -> None:
    """The same command with the same --id reads what it has, and comes to the same."""
    first = compared()
    Path("asked").unlink()
    assert [compared(), Path("asked").exists()] == [first, False]


def test_a_comparison_that_was_killed_goes_on() -> None:
    """What was finished at the kill is not asked again."""
    command = ["compare", "teams.py:team", "tasks.jsonl", "--against", "teams.py:slow", "--id", "c", "--json"]
    run = [sys.executable, "-m", "coterie", *command]
    with subprocess.Popen(run, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        ends = time.monotonic() + 120
        while not Path("hanging").exists():  # it is asked once the team has answered
            assert time.monotonic() < ends
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    Path("go").touch()
    data = compared(against="teams.py:slow")
    assert sorted(Path("asked").read_text().split()).count("a") == 3
    assert data["scores"]["against"]["tasks"] == 3


def test_waste_and_limits() -> None:
    """Both have the same limits; what nobody reads is wasted, and a limit that stops a run is no answer."""
    data = compared(team="teams.py:worse")
    assert [data["scores"]["team"]["waste"]["unused"] > 0, data["scores"]["against"]["waste"]["unused"]] == [
        True,
        0,
    ]
    said = say(
        "compare",
        "teams.py:team",
        "tasks.jsonl",
        "--against",
        "teams.py:solo",
        "--limit",
        "requests=2",
        "--json",
    )
    scores = json.loads(said.stdout)["scores"]
    assert [scores["team"]["failed"], scores["against"]["failed"], scores["team"]["calls"]] == [0, 0, 6]


def test_prices() -> None:
    """Money by the price of the model, for both."""
    scores = compared("--price", "scripted=1000/1000")["scores"]
    assert scores["against"]["usd"] == pytest.approx(scores["against"]["tokens"] / 1000)


def test_a_judge_is_asked_blind_and_twice() -> None:
    """A judge that likes the first answer in either order finds a tie; one that likes an answer finds it."""
    Path("tasks.jsonl").write_text('{"id": "t", "task": "Is 2 even?"}\n')
    partial, fair = compared("--judge", "teams.py:judge"), None
    assert partial["tasks"][0]["verdict"]["winner"] == "tie"
    said = say(
        "compare",
        "teams.py:team",
        "tasks.jsonl",
        "--against",
        "teams.py:solo",
        "--judge",
        "teams.py:fair",
        "--json",
    )
    fair = json.loads(said.stdout)
    assert fair["tasks"][0]["verdict"]["winner"] == "against"
    assert fair["scores"]["against"]["better"] == 1
    shown = say("show", fair["tasks"][0]["verdict"]["runs"][0], "--json").stdout
    assert "committee" not in shown
    assert "solo" not in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[1]", "tasks.jsonl:1: is no JSON object"),
        ('{"task": 3}', "tasks.jsonl:1: a line needs 'task', a text"),
        ('{"task": "x", "equal": 1}', "tasks.jsonl:1: a task has no 'equal'; did you mean 'equals'?"),
        ('{"task": "x", "matches": "("}', "tasks.jsonl:1: matches is a regular expression"),
        ('{"task": "x", "python": "teams.py:nobody"}', "'teams.py' has no 'nobody'"),
        ('{"task": "x", "id": "a b"}', "'a b' cannot name a task"),
        ('{"task": "x", "id": "a"}\n{"task": "y", "id": "a"}', "two tasks are called 'a'"),
        ('{"task": "x"}', "task '1' has no check, so a judge has to tell: name one with --judge"),
        (
            '{"task": "x", "python": "teams.py:broken"}',
            "the predicate 'broken' raised ZeroDivisionError: by nothing",
        ),
        ("", "tasks.jsonl: has no task in it"),
    ],
)
def test_tasks_that_are_none(line: str, words: str) -> None:
    """Every line that cannot be used is said with its number."""
    Path("tasks.jsonl").write_text(line)
    result = say("compare", "teams.py:team", "tasks.jsonl", "--against", "teams.py:solo")
    assert result.exit_code == 2
    assert words in result.stderr


def test_all_lines_are_told_at_once() -> None:
    """As with team files, every mistake comes in one go."""
    Path("bad.jsonl").write_text('{"task": 1}\n{}\n')
    with pytest.raises(BadFile) as caught:
        questions(Path("bad.jsonl"))
    assert len(caught.value.problems) == 2


def test_checks_of_tasks() -> None:
    """Every check that a task names has to hold, predicates too."""
    Path("tasks.jsonl").write_text('{"task": "odd", "equals": "yes", "python": "teams.py:short"}\n')
    trial = compared(team="teams.py:solo", against="teams.py:solo")["tasks"][0]["team"]
    assert [trial["passed"], trial["why"]] == [False, "short does not hold"]


def test_a_side_that_fails_is_wrong() -> None:
    """A run without an answer counts against its side, with the reason."""
    Path("tasks.jsonl").write_text('{"task": "crash", "equals": "yes"}\n')
    trial = compared()["tasks"][0]["against"]
    assert [trial["passed"], trial["status"]] == [False, "failed"]
    assert "down" in trial["why"]


@pytest.mark.parametrize(
    ("wins", "losses", "chance"), [(0, 0, 1.0), (1, 1, 1.0), (5, 0, 0.0625), (9, 1, 22 / 1024)]
)
def test_sign_test(wins: int, losses: int, chance: float) -> None:
    """The values of the binomial table."""
    assert sign_test(wins, losses) == pytest.approx(chance)
