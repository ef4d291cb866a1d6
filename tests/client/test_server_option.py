"""Commands with `--server`, against a service on a real port."""

from __future__ import annotations

import asyncio
import json
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nobody", "x"], "no team is called 'nobody'"),
        (["run", "panel", "x", "--session", "s"], "--session cannot be said to a service"),
        (["show", "nobody"], "no run 'nobody'"),
        (["resume", "nobody"], "no run 'nobody'"),
        (["fork", "nobody", "--set", "judge.model=x"], "a service forks with another"),
    ],
)
def test_mistakes_are_one_clear_message(say, words, message):
    """On stderr, with exit code 2 and no traceback."""
    result = say(*words)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert message in result.stderr
