"""`coterie plan`, and runs by a plan, as people use them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coterie.doors.cli.commands import coterie

TEAM = """
from coterie import Agent
from coterie.models import scripted
from coterie.patterns import orchestrator


def line(think):
    if think.actor != "lead":
        return f"{think.actor} did it"
    if "nonsense" in think.thread[-1].text or "cannot be used" in think.thread[-1].text:
        return "I would rather not"
    if "Which earlier steps" in think.thread[-1].text:
        return {"s2": ["s1"]}
    return {"steps": ["Find facts", "Write the report"]}


model = scripted(line)
crew = [Agent("finder", "Finds facts.", model=model), Agent("writer", "Writes reports.", model=model)]
boss = orchestrator(Agent("lead", model=model), crew)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test has a folder of its own, with a team file in it and no store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_STORE", raising=False)
    Path("team.py").write_text(TEAM)
    path = list(sys.path)
    yield
    sys.path[:] = path


def say(*args: str) -> Result:
    """What `coterie args` does, in this process."""
    return CliRunner().invoke(coterie, args, catch_exceptions=False)


def test_a_plan_is_made_drawn_bounded_and_kept() -> None:
    """The tree is on stdout; what it may take, and what to do next, on stderr."""
    done = say("plan", "A report", "--team", "team.py:boss", "--save", "plan.json")
    assert (done.exit_code, done.stdout) == (0, "s1  finder: Find facts\n└─ s2  writer: Write the report\n")
    assert "2 steps, at most 2 model calls; longest way: s1 -> s2 (2 calls)" in done.stderr
    assert "coterie run team.py:boss --plan plan.json 'A report'" in done.stderr
    assert [step["worker"] for step in json.loads(Path("plan.json").read_text())["steps"]] == [
        "finder",
        "writer",
    ]


@pytest.mark.parametrize("name", ["plan.json", "plan.yaml"])
def test_an_edited_plan_is_run_and_its_run_resumed(name: str) -> None:
    """The run remembers the plan, whatever becomes of the file."""
    body = {
        "plan.json": '{"steps": [{"id": "a", "worker": "writer", "task": "Write"}]}',
        "plan.yaml": "steps:\n- {id: a, can: reports, task: Write}\n",
    }
    Path(name).write_text(body[name])
    drawn = say("plan", "--from", name, "--team", "team.py:boss", "--mermaid")
    assert drawn.stdout.startswith('flowchart LR\n    n0["a ')
    done = say("run", "team.py:boss", "A report", "--plan", name, "--id", "r", "--quiet")
    assert (done.exit_code, done.stdout) == (0, "writer did it\n")
    Path(name).unlink()
    assert say("resume", "r", "--quiet").stdout == "writer did it\n"


@pytest.mark.parametrize(
    ("args", "plan", "code", "words"),
    [
        (
            ["--from", "p.json"],
            '{"steps": [{"id": "a", "worker": "bob", "task": "x"}]}',
            2,
            "step 'a' is for 'bob'",
        ),
        (
            ["--from", "p.json"],
            '{"steps": [{"id": "a", "doer": 1}]}',
            2,
            "unknown field `doer` - at `$.steps[0]`",
        ),
        (["--from", "p.json"], "{", 2, "'p.json' is no plan"),
        (["--from", "none.json"], "", 2, "does not exist"),
        ([], "", 2, "say a GOAL to plan for"),
        (["nonsense"], "", 1, "has made no plan"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(args: list[str], plan: str, code: int, words: str) -> None:
    """Each with what is wrong, and where; no worker works."""
    if plan:
        Path("p.json").write_text(plan)
    done = say("plan", *args, "--team", "team.py:boss")
    assert done.exit_code == code
    assert words in done.stderr


def test_a_run_by_a_bad_plan_never_begins() -> None:
    """It is a mistake in the command, and there is no run."""
    Path("p.json").write_text(
        '{"steps": [{"id": "a", "worker": "finder", "task": "x", "depends_on": ["a"]}]}'
    )
    done = say("run", "team.py:boss", "go", "--plan", "p.json")
    assert (done.exit_code, done.stderr) == (2, "coterie: the plan cannot be run: a cycle: a -> a\n")
    assert not Path(".coterie").exists()


def test_only_an_orchestrator_works_by_a_plan() -> None:
    """Others are told so."""
    Path("team.py").write_text("from coterie import Agent\nann = Agent('ann')\n")
    done = say("plan", "go", "--team", "team.py:ann")
    assert done.exit_code == 2
    assert "is no orchestrator, so it does not work by a plan" in done.stderr
