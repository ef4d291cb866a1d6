"""`coterie new`, `check`, `graph`, `teams`, `schema`, and team files where teams are run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from coterie.doors.cli.commands import coterie
from coterie.doors.letters import Look
from coterie.teamfile.templates import TEMPLATES

SOURCE = Path(__file__).parents[2] / "src"
MODELS = """
import asyncio, os, time
from coterie.models import scripted

said = scripted(lambda think: f"{think.actor} has read {len(think.thread)}")

async def slow(think):
    with open("asked", "a") as log:
        log.write(f"{think.actor}\\n")
    if think.actor == "judge" and not os.path.exists("go"):
        await asyncio.sleep(600)
    return await said(think)
"""
TEAM = """
# two sides and a judge
agents:
  hope: {instructions: Be for it., model: {python: "models.py:slow"}}
  doubt: {instructions: Be against it., model: {python: "models.py:slow"}}
  judge: {model: {python: "models.py:slow"}}
teams:
  pair: {parallel: [hope, doubt]}
team: {debate: [hope, doubt], judge: judge, rounds: 0}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test has a folder of its own, with a team file in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_STORE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(SOURCE), prepend=os.pathsep)
    (tmp_path / "models.py").write_text(MODELS)
    (tmp_path / "team.yaml").write_text(TEAM)
    path = list(sys.path)
    yield
    sys.path[:] = path


def say(*args: str) -> Result:
    """What `coterie args` does, in this process."""
    return CliRunner().invoke(coterie, args, catch_exceptions=False)


def test_a_team_file_is_run() -> None:
    """FILE.yaml is the team that the file is, and FILE.yaml:NAME any member of it."""
    Path("go").touch()
    whole, pair = say("run", "team.yaml", "Rust?"), say("run", "team.yaml:pair", "Rust?", "--quiet")
    assert [whole.exit_code, whole.stdout] == [0, "judge has read 4\n"]
    assert pair.stdout == "hope has read 1\n\ndoubt has read 1\n"


def test_a_killed_run_of_a_team_file_goes_on(tmp_path: Path) -> None:
    """Killed in the middle and resumed from another folder, nothing that was finished is asked again."""
    command = [
        sys.executable,
        "-m",
        "coterie",
        "run",
        "team.yaml",
        "Rust?",
        "--id",
        "r",
        "--store",
        "runs.db",
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        ends = time.monotonic() + 120
        while not (Path("asked").exists() and "judge" in Path("asked").read_text()):
            assert time.monotonic() < ends
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    Path("go").touch()
    assert say("resume", "r", "--store", str(tmp_path / "runs.db"), "--quiet").stdout == "judge has read 4\n"
    assert Path("asked").read_text().split() == ["hope", "doubt", "judge", "judge"]
    assert say("replay", "r", "--store", "runs.db").stdout.startswith("identical: ")


def test_a_fork_changes_an_agent_of_a_team_file() -> None:
    """The agents of a team file can be changed by name, and only what depends on them is asked again."""
    Path("go").touch()
    say("run", "team.yaml", "Rust?", "--id", "r")
    Path("asked").unlink()
    assert say("fork", "r", "--set", "judge.instructions=Be short.", "--id", "f").exit_code == 0
    assert Path("asked").read_text().split() == ["judge"]


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [("rounds: 0", "rounds: 1", "needs_migration"), ("# two sides", "# 2 sides", "succeeded")],
)
def test_the_manifest_has_the_files_digest(old: str, new: str, status: str) -> None:
    """A run does not go on with another team; a comment makes none."""
    Path("go").touch()
    say("run", "team.yaml", "Rust?", "--id", "r")
    say("cancel", "r")
    Path("team.yaml").write_text(TEAM.replace(old, new))
    say("run", "team.yaml", "Rust?", "--id", "again")
    result = say("show", "r", "--json").stdout.splitlines()[0]
    manifest = json.loads(result)["manifest"]
    changed = json.loads(say("show", "again", "--json").stdout.splitlines()[0])["manifest"]
    assert (manifest["team.yaml"] == changed["team.yaml"]) == (status == "succeeded")


def test_mistakes_of_a_team_file_are_all_said() -> None:
    """A file that is wrong is not run, and says each mistake with its line."""
    Path("bad.yaml").write_text("agents: {rob: x}\nteam:\n  debate: [bob]\n  judgee: rob\n")
    result = say("run", "bad.yaml", "x")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "coterie: bad.yaml:3: 'debate' needs 'judge'",
        "bad.yaml:3: member 'bob' is not defined; did you mean 'rob'?",
        "bad.yaml:4: 'debate' has no option 'judgee'; did you mean 'judge'?",
    ]


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(name: str) -> None:
    """Each is written where it is wanted, is in order, and can be drawn; nothing is written over."""
    file = f"made/{name}.{'py' if name == 'python' else 'yaml'}"
    team = f"{file}:team" if name == "python" else file
    assert say("new", name, file).exit_code == 0
    assert say("check", team).stdout.splitlines()[-1] == "nothing is wrong"
    assert len(say("graph", team).stdout.splitlines()) > 3
    assert "is there already" in say("new", name, file).stderr
    assert Path("made/team.schema.json").exists() == (name != "python")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["new", "nothing"], "'nothing' is not one of"),
        (["new", "debate", "x.py"], "the template 'debate' is a .yaml file: call it 'x.yaml'"),
        (["check", "gone.yaml"], "gone.yaml: there is no such file: check the path"),
        (["check", "team.yaml", "--price", "big"], "a price is MODEL=IN/OUT"),
        (["graph", "nobody"], "there is no team 'nobody'"),
        (["graph", "research"], "Missing option '--docs'"),
    ],
)
def test_what_is_no_command(args: list[str], words: str) -> None:
    """One message, and an exit code that is not 0."""
    result = say(*args)
    assert result.exit_code != 0
    assert words in result.output


def test_check_counts_and_prices() -> None:
    """Bounds of calls, tokens and money come from the patterns' own settings."""
    text = "agents: {a: x, b: y}\nmodel: big\nteam: {debate: [a, b], judge: a, rounds: 2}\n"
    Path("priced.yaml").write_text(text)
    result = say("check", "priced.yaml", "--price", "big=1/10", "--prompt", "1000")
    assert result.stdout.splitlines() == [
        "debate (debate): at most 7 model calls",
        "at most 28,672 tokens of answers",
        "at most $0.2937, with prompts of up to 1,000 tokens",
        "nothing is wrong",
    ]


def test_check_says_what_is_wrong() -> None:
    """Findings go to stdout, one a line, and the exit code is 1; --json has the same."""
    text = "agents: {a: x, b: y, c: z, idle: w}\nteam:\n  handoff: [a, b, c]\n  edges: {a: [b]}\n"
    Path("lost.yaml").write_text(text)
    result, data = say("check", "lost.yaml"), json.loads(say("check", "lost.yaml", "--json").stdout)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[:2] == [
        "lost.yaml:1: agent 'idle' is in no team",
        "handoff: control never comes to 'c': no edge leads to it from 'a'",
    ]
    assert [one["kind"] for one in data["findings"]] == ["unreachable", "unreachable"]
    assert data["calls"] == 202


def test_check_does_not_run_python() -> None:
    """Looking at a team file imports nothing that it names."""
    Path("ran.py").write_text("open('ran', 'w').close()\ndef f(x: int) -> int: return x\n")
    Path("tools.yaml").write_text("agents: {a: {tools: ['ran.py:f']}}\n")
    assert [say("check", "tools.yaml").exit_code, say("graph", "tools.yaml").exit_code] == [0, 0]
    assert not Path("ran").exists()


def test_graph_as_text() -> None:
    """A line an actor, with how often it is called at most."""
    assert say("graph", "team.yaml").stdout.splitlines() == [
        "debate  debate, at most 3 model calls",
        "├─ hope  Be for it.",
        "├─ doubt  Be against it.",
        "└─ judge",
    ]


def test_graph_as_mermaid() -> None:
    """Arrows lead from teams to members, with how often they call."""
    Path("loop.yaml").write_text("agents: {a: x, b: y}\nteam: {refine: a, critics: b, rounds: 3}\n")
    assert say("graph", "loop.yaml", "--mermaid").stdout.splitlines() == [
        "flowchart TD",
        '    n0["refine<br/><i>refine</i>"]',
        '    n0 -->|"×3"| n1',
        '    n0 -->|"×3"| n2',
        '    n1("a")',
        '    n2("b")',
    ]


def test_graph_as_svg() -> None:
    """A drawing that is XML, follows light and dark, has no box over another, and shows no markup of names."""
    Path("wide.yaml").write_text(
        "agents: {a: '<b>x</b>', b: y, c: z}\n"
        "team:\n  parallel:\n    - {debate: [a, b], judge: c}\n    - {refine: a, critics: [b, c]}\n  join: c\n"
    )
    text = say("graph", "wide.yaml", "--svg").stdout
    root = ET.fromstring(text)  # noqa: S314 - our own
    boxes = [
        (float(one.get("x", 0)), float(one.get("y", 0)))
        for one in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    rows = {y: sorted(x for x, at in boxes if at == y) for _, y in boxes}
    assert len(boxes) == 10
    assert all(right - left >= 148 for row in rows.values() for left, right in pairwise(row))
    assert "prefers-color-scheme: dark" in text
    assert "&lt;b&gt;" in text


def test_a_terminal_without_unicode() -> None:
    """The tree is ASCII where nothing else can be shown."""
    from coterie.doors.drawing import text_lines
    from coterie.teamfile import opened
    from coterie.teamfile.survey import survey

    Path("loop.yaml").write_text("agents: {a: x, b: y}\nteam: {supervisor: a, workers: [b, a]}\n")
    lines = text_lines(survey(opened("loop.yaml").actor), Look(unicode=False))
    assert all(line.isascii() for line in lines)


def test_teams_lists_what_there_is() -> None:
    """Ready-made teams with their options, and what the files of a folder name, without running any."""
    Path("bad.yaml").write_text("team: {debate: [x], judge: y}\n")
    Path("other.yaml").write_text("services: {web: {image: x}}\n")
    Path("mine.py").write_text(
        "raise SystemExit\nfrom coterie import Agent, Team\none = Agent('one')\ndef made() -> Team:\n    'Made.'\n"
    )
    said = say("teams").stdout
    assert "  research  Research: answer a question from the user's own documents" in said
    assert "      --docs FOLDER" in said
    assert "  team.yaml\n      debate of hope, doubt, judge; at most 3 model calls\n" in said
    assert "  bad.yaml  2 mistakes: coterie check bad.yaml" in said
    assert "  mine.py:one  agent\n  mine.py:made  Made.\n" in said
    assert "other.yaml" not in said


def test_schema_is_printed() -> None:
    """`coterie schema` says what editors complete by."""
    assert json.loads(say("schema").stdout)["properties"].keys() >= {"agents", "teams", "team"}


def test_python_teams_are_checked_too() -> None:
    """A Python file's team has the same findings and bounds."""
    Path("mine.py").write_text(
        "from coterie import Agent\nfrom coterie.patterns import hub\nteam = hub(Agent('a'), Agent('b'))\n"
    )
    result = say("check", "mine.py:team")
    assert [result.exit_code, result.stdout.splitlines()[0]] == [
        1,
        "hub: may call 'b' without end: give it, or a team above it, `limits: {requests: N}`",
    ]


def test_nothing_is_left_behind() -> None:
    """No command of these keeps a store."""
    assert not os.path.exists(".coterie")  # noqa: PTH110
