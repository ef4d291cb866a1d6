"""Questions of runs, listed and answered from another terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie

TEAM = """
from coterie import Ask, Human, Team, gather
from coterie.patterns import pipeline

async def _both(task):
    one, other = await gather(Ask("Pay 3?", "choice", ("yes", "no")), Ask("To whom?"))
    return f"{one}, {other}"

both = Team("both", (), _both)
person = Human("ada")
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    path = list(sys.path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_STORE", raising=False)
    (tmp_path / "team.py").write_text(TEAM)
    yield
    sys.path[:] = path


def say(*args):
    return CliRunner().invoke(coterie, args, catch_exceptions=False)


def test_questions_are_listed_and_each_answered_on_its_own():
    """The run waits in the store; with its last answer it ends, and says so."""
    assert say("run", "team.py:both", "go", "--id", "r").exit_code == 3
    asked = [json.loads(line) for line in say("approvals", "--json").stdout.splitlines()]
    assert [one["ask"]["question"] for one in asked] == ["Pay 3?", "To whom?"]
    shown = say("approvals").stdout
    assert asked[0]["id"] in shown
    assert "Pay 3? [yes / no]" in shown
    first = say("answer", asked[1]["id"], "bob", "--as", "ada")
    assert (first.exit_code, first.stderr.splitlines()[0]) == (0, "waiting, run r")
    assert asked[0]["id"] in first.stderr
    assert asked[1]["id"] not in first.stderr
    last = say("answer", asked[0]["id"], "yes")
    assert (last.exit_code, last.stdout) == (0, "yes, bob\n")
    assert say("approvals").stdout == ""


def test_the_question_of_a_paused_run_is_listed_with_what_to_do_first():
    """It says that the run is to be resumed, and how; until then an answer is refused, and afterwards taken."""
    assert say("run", "team.py:person", "Which colour?", "--id", "r").exit_code == 3
    assert say("pause", "r").exit_code == 0
    [asked] = [json.loads(line) for line in say("approvals", "--json").stdout.splitlines()]
    assert asked["paused"] is True
    assert "Which colour?" in say("approvals").stdout
    assert say("approvals").stdout.endswith("    paused; first: coterie resume r\n")
    refused = say("answer", asked["id"], "red")
    assert (refused.exit_code, "is paused: resume it first" in refused.stderr) == (1, True)
    assert say("resume", "r").exit_code == 3
    assert "paused" not in say("approvals").stdout
    assert say("answer", asked["id"], "red").stdout == "red\n"


def test_what_is_no_answer_is_refused_in_one_line():
    """An unknown id, a wrong choice, a second answer, an approval of what is none: exit code and one message."""
    say("run", "team.py:both", "go", "--id", "r")
    one = json.loads(say("approvals", "--json").stdout.splitlines()[0])["id"]
    wrong = say("answer", one, "maybe")
    assert (wrong.exit_code, "none of the choices ['yes', 'no']" in wrong.stderr) == (1, True)
    nobody = say("answer", "r.0000", "yes")
    assert (nobody.exit_code, "there is no question 'r.0000'" in nobody.stderr) == (1, True)
    misused = say("approve", one)
    assert (misused.exit_code, f"coterie answer {one}" in misused.stderr) == (2, True)
    assert say("answer", one, "yes").exit_code == 0
    again = say("answer", one, "no")
    assert (again.exit_code, "was answered already" in again.stderr) == (1, True)


def test_a_person_is_asked_by_name():
    """The list says who is asked."""
    assert say("run", "team.py:person", "Which colour?", "--id", "r").exit_code == 3
    assert " question to ada, for 0 s, at ada\n" in say("approvals").stdout.replace("/ask.1", "")


def test_an_answer_reaches_the_process_that_performs_the_run(tmp_path):
    """Whoever holds the run takes it, and the one who answers sees what it came to."""
    source = str(Path(__file__).parents[2] / "src")
    script = (
        "import asyncio, sys\n"
        f"sys.path[:0] = [{source!r}, '.']\n"
        "from coterie.stores import SqliteStore\n"
        "from coterie.shell.run import start\n"
        "from coterie import Team, Ask\n"
        "async def play(task):\n    return await Ask('Colour?')\n"
        "async def main():\n"
        "    run = start(Team('held', (), play), 'go', store=SqliteStore('.coterie/runs.db'), id='h')\n"
        "    await run.begun()\n    print('begun', flush=True)\n"
        "    print((await run.result()).text, flush=True)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            [asked] = map(json.loads, say("approvals", "--json").stdout.splitlines())
            said = say("answer", asked["id"], "red")
            assert process.stdout.readline() == "red\n"
        finally:
            process.kill()
    assert said.exit_code == 0
