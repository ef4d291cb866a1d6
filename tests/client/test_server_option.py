"""Commands with `--server`, against a service on a real port."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie
from tests.http.serving import TOKEN, served, service_at


@contextmanager
def serving(folder):
    """The address of a service that runs in a thread of its own."""
    up, done, where = threading.Event(), threading.Event(), list[str]()

    def serve():
        async def inside():
            async with served(service_at(folder)) as http:
                where.append(str(http.base_url))
                up.set()
                await asyncio.to_thread(done.wait)

        asyncio.run(inside())

    server = threading.Thread(target=serve)
    server.start()
    assert up.wait(20)
    try:
        yield where[0].rstrip("/")
    finally:
        done.set()
        server.join()


@pytest.fixture
def say(tmp_path, monkeypatch):
    """Says a command to a service, from a folder with no store in it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COTERIE_TOKEN", TOKEN)
    with serving(tmp_path) as url:
        yield lambda *words: CliRunner().invoke(coterie, [*words, "--server", url])


def test_a_run_is_performed_by_a_service(say):
    """The answer is on stdout, events on stderr; it is listed and shown as one at home."""
    done = say("run", "panel", "Rust?", "--id", "r", "--limit", "requests=9")
    assert (done.exit_code, done.stdout) == (0, "judge has read 7\n"), done.stderr
    assert "opened: Rust?" in done.stderr
    assert "succeeded: 5 model calls" in done.stderr
    listed = say("runs")
    assert listed.stdout.split()[:2] == ["r", "succeeded"]
    for option, words in (
        ("--events", "closed"),
        ("--transcript", "judge has read 7"),
        ("--usage", "whole run"),
    ):
        assert words in say("show", "r", option).stdout
    shown = say("show", "r")
    assert "debate" in shown.stdout
    lines = [json.loads(line) for line in say("show", "r", "--json").stdout.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(lines)))


def test_questions_are_answered_from_another_terminal(say):
    """A run that waits says so and exits with 3; answers to its questions move it on."""
    waits = say("run", "two", "x", "--id", "r")
    assert waits.exit_code == 3
    assert "coterie answer r." in waits.stderr
    asked = [json.loads(line)["id"] for line in say("approvals", "--json").stdout.splitlines()]
    assert len(asked) == 2
    assert "Pay 3?" in say("approvals").stdout
    assert say("approve", asked[0]).exit_code == 2
    assert say("answer", asked[0], "yes").exit_code == 0
    done = say("resume", "r", "--answer", "two/ask.2/ask.1=Ada")
    assert (done.exit_code, done.stdout) == (0, "yes, Ada\n"), done.stderr


def test_runs_are_stopped_and_forked(say):
    """Each by the command of its name."""
    say("run", "two", "x", "--id", "r")
    assert "cancelled" in say("cancel", "r").stdout
    say("run", "panel", "Rust?", "--id", "p")
    fork = say("fork", "p", "--set", "task=C?")
    assert (fork.exit_code, fork.stdout) == (0, "judge has read 7\n"), fork.stderr


def test_runs_are_audited_from_afar(say, tmp_path):
    """Verified, reported, compared and exported as at home; an export of a service is signed and redacted here."""
    say("run", "panel", "Rust?", "--id", "r")
    say("run", "panel", "Go?", "--id", "other")
    assert say("verify").stdout == "2 runs are what was written\n"
    assert say("verify", "r").stdout == "1 runs are what was written\n"
    assert json.loads(say("report", "r", "--json").stdout)["models"] == {"default": 5}
    assert "task: Rust?" in say("report", "r").stdout
    diff = say("diff", "r", "other").stdout
    assert "* task       Rust?" in diff
    assert json.loads(say("diff", "r", "r", "--json").stdout)["first"] is None
    assert say("export", "r").exit_code == 0
    assert (
        CliRunner()
        .invoke(coterie, ["verify", "r.coterie"])
        .stdout.endswith("is what was written, not signed\n")
    )
    assert CliRunner().invoke(coterie, ["key", "make", "k"]).exit_code == 0
    assert say("export", "r", "--key", "k", "--redact", "3", "--out", "s.coterie").exit_code == 0
    checked = CliRunner().invoke(coterie, ["verify", "s.coterie", "--key", "k.pub"])
    assert (checked.exit_code, "signed by" in checked.stdout, "taken out" in checked.stdout) == (
        0,
        True,
        True,
    )


def test_a_journal_that_was_changed_is_found_from_afar(say, tmp_path):
    """With exit code 1, and what is wrong with it."""
    say("run", "panel", "Rust?", "--id", "r")
    with sqlite3.connect(tmp_path / "runs.db") as store:
        changed = store.execute("update runs set head = zeroblob(32)").rowcount
    assert changed > 0
    found = say("verify", "r")
    assert (found.exit_code, "is not what was written" in found.stderr) == (1, True)


def test_a_journal_is_lived_again_by_the_service(say, tmp_path):
    """With the team as it is there now; the first difference is said where it comes out another way."""
    say("run", "panel", "Rust?", "--id", "r")
    same = say("replay", "r")
    assert (same.exit_code, same.stdout.startswith("identical: "), "succeeded" in same.stdout) == (
        0,
        True,
        True,
    )
    file = tmp_path / "team.py"
    file.write_text(file.read_text().replace("rounds=1", "rounds=2"))
    other = say("replay", "r")
    assert (other.exit_code, other.stdout, other.stderr.startswith("different: ")) == (1, "", True)


def test_runs_are_paused_and_teams_listed(say):
    """A run that waits is put away, listed so, and gone on with; teams are those that are offered."""
    say("run", "two", "x", "--id", "r")
    paused = say("pause", "r", "--grace", "1", "--reason", "lunch").stdout
    assert paused.startswith("run r: paused; go on with it: coterie resume r --server http://")
    assert "paused; first: coterie resume r --server" in say("approvals").stdout
    assert say("resume", "r").exit_code == 3
    teams = say("teams").stdout.splitlines()
    assert teams[0].startswith("At http://127.0.0.1:")
    assert "  panel  with hope, doubt, judge" in teams


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nobody", "x"], "no team is called 'nobody'"),
        (["run", "panel", "x", "--session", "s"], "--session cannot be said to a service"),
        (["show", "nobody"], "no run 'nobody'"),
        (["resume", "nobody"], "no run 'nobody'"),
        (["fork", "nobody", "--set", "judge.model=x"], "a service forks with another"),
        (["pause", "nobody"], "no run 'nobody'"),
        (["verify", "nobody"], "no run 'nobody'"),
        (["export", "nobody"], "no run 'nobody'"),
        (["report", "nobody"], "no run 'nobody'"),
        (["diff", "nobody", "nobody"], "no run 'nobody'"),
        (["replay", "nobody"], "no run 'nobody'"),
        (["replay", "nobody", "--team", "x"], "--team cannot be said to a service"),
        (["teams", "."], "leave FOLDER or --server out"),
    ],
)
def test_mistakes_are_one_clear_message(say, words, message):
    """On stderr, with exit code 2 and no traceback."""
    result = say(*words)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert message in result.stderr


def test_schedules_are_kept_by_a_service(say):
    """Added, listed, paused, resumed, begun at once and removed, as at home."""
    added = say("schedule", "add", "news", "0 3 * * *", "panel", "Rust?", "--zone", "Europe/Berlin")
    assert added.exit_code == 0, added.stderr
    again = say("schedule", "add", "news", "@daily", "panel")
    assert (again.exit_code, "there is a schedule 'news' already" in again.stderr) == (1, True)
    assert "news  0 3 * * *  Europe/Berlin  " in say("schedule", "list").stdout
    assert say("schedule", "pause", "news").exit_code == 0
    seen = json.loads(say("schedule", "list", "--json").stdout)
    assert (seen["status"], seen["schedule"]["team"], seen["by"]) == ("paused", "panel", "local")
    assert say("schedule", "resume", "news").exit_code == 0
    assert [line[11:16] for line in say("schedule", "times", "news", "--count", "2").stdout.splitlines()] == [
        "03:00",
        "03:00",
    ]
    run = say("schedule", "run", "news").stdout.strip()
    assert say("show", run).exit_code == 0
    assert say("schedule", "remove", "news").exit_code == 0
    assert (say("schedule", "list").stdout, say("schedule", "pause", "news").exit_code) == ("", 2)
    assert say("schedule", "list", "--tenant", "acme").exit_code == 2


def test_standing_agents_are_kept_told_and_deleted(say):
    """What they reply is on stdout; what they were told is listed; without a service it is said which is lacking."""
    made = say(
        "standing", "create", "ada", "--instructions", "You are Ada.", "--tool", "clock", "--no-memory"
    )
    assert made.exit_code == 0, made.stderr
    told = [say("standing", "tell", "ada", text) for text in ("Hi", "And?")]
    assert [(one.exit_code, one.stdout) for one in told] == [(0, "ada has read 1\n"), (0, "ada has read 3\n")]
    assert say("standing", "list").stdout == "ada  You are Ada.\n"
    assert [line.split()[1] for line in say("standing", "messages", "ada").stdout.splitlines()[::2]] == [
        "succeeded"
    ] * 2
    newest = json.loads(say("standing", "messages", "ada", "--limit", "1", "--json").stdout)
    assert (newest["text"], newest["reply"]) == ("And?", "ada has read 3")
    assert say("standing", "state", "ada").stdout == "idle, 0 waiting, 2 turns\n"
    assert say("standing", "delete", "ada").exit_code == 0
    assert say("standing", "list").stdout == ""
    assert say("standing", "tell", "ada", "Hi").exit_code == 2
    alone = CliRunner().invoke(coterie, ["standing", "list"], env={"COTERIE_SERVER": ""})
    assert (alone.exit_code, "--server" in alone.stderr) == (2, True)


def test_memory_is_that_of_the_service(say):
    """Added, found and forgotten there; nothing of it is here."""
    assert (
        say("memory", "add", "--text", "The heron nests in March", "--key", "heron", "--tag", "bird").stdout
        == "heron\n"
    )
    found = say("memory", "search", "heron", "--tag", "bird", "--json")
    assert [json.loads(line)["key"] for line in found.stdout.splitlines()] == ["heron"]
    assert say("memory", "forget", "heron").stderr == "1 forgotten\n"
    assert say("memory", "search", "heron").exit_code == 1
    refused = say("memory", "search", "heron", "--as", "eve")
    assert (refused.exit_code, "--as cannot be said to a service" in refused.stderr) == (2, True)
