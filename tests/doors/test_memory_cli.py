"""`coterie memory`, and runs that are given a memory or a session, as people use them."""

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

ada = Agent("ada", model=scripted(lambda think: f"{[message.text for message in think.thread]}"))
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test has a folder of its own, with a team and two texts in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_MEMORY", raising=False)
    (tmp_path / "team.py").write_text(TEAM)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "birds.md").write_text("# Birds\n\nThe heron nests in June.\n")
    (tmp_path / "notes" / "ops.md").write_text("Deploys happen on Tuesdays.\n")
    path = list(sys.path)
    yield
    sys.path[:] = path


def say(*args: str) -> Result:
    """What `coterie args` does, in this process."""
    return CliRunner().invoke(coterie, args, catch_exceptions=False)


def sources(result: Result) -> list[str]:
    """Where what was found comes from, without the folder."""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return [Path(line["source"]).name for line in lines]


def test_a_folder_is_added_searched_and_forgotten() -> None:
    """What a folder says is found with file and lines, until it is forgotten."""
    added = say("memory", "add", "notes", "--words")
    assert (added.exit_code, "2 passages of notes" in added.stderr) == (0, True)
    assert sources(say("memory", "search", "when do herons nest", "--json", "--words")) == ["birds.md:1-3"]
    place = f"file:{Path('notes').resolve()}/birds"
    assert say("memory", "forget", "--source", place).stderr == "1 forgotten\n"
    gone = say("memory", "search", "heron", "--words")
    assert (gone.exit_code, gone.stdout) == (1, "")


def test_a_text_is_remembered_under_its_key() -> None:
    """The same key again replaces it; what it prints is the key."""
    for text in ("Deploys happen on Tuesdays.", "Deploys happen on Fridays."):
        said = say("memory", "add", "--text", text, "--key", "deploy", "--tag", "ops", "--words")
        assert said.stdout == "deploy\n"
    found = say("memory", "search", "deploys", "--words").stdout
    assert found == "deploy  person local  #ops\n    Deploys happen on Fridays.\n"


def test_memories_belong_to_who_has_them() -> None:
    """Nobody finds what is another's, unless it is shared."""
    say("memory", "add", "--text", "a heron", "--as", "ada", "--words")
    say("memory", "add", "--text", "two herons", "--as", "ada", "--share", "bob", "--words")
    found = say("memory", "search", "heron herons", "--as", "bob", "--words").stdout
    assert "two herons" in found
    assert "a heron" not in found


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("search", "x"), "there is no memory '.coterie/memory.db'"),
        (("add",), "give folders to add, or one --text"),
        (("add", "notes", "--text", "x"), "give folders to add, or one --text"),
        (("add", "team.py"), "give folders to add, or one --text"),
        (("add", "--text", " ", "--words"), "there is nothing to remember"),
        (("add", "--text", "x", "--as", "*", "--words"), "cannot name a principal"),
    ],
)
def test_mistakes_are_one_message(args: tuple[str, ...], message: str) -> None:
    """Each says what is wrong, with the code for a mistake in the command."""
    said = say("memory", *args)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.count("\n") == 1
    assert message in said.stderr


def test_forgetting_has_to_say_what() -> None:
    """Without a key, a tag or a source nothing goes; with --everything all does."""
    say("memory", "add", "notes", "--words")
    assert say("memory", "forget").exit_code == 2
    assert say("memory", "forget", "--everything").stderr == "2 forgotten\n"


def test_control_characters_are_not_shown() -> None:
    """What was remembered moves no cursor of who reads it."""
    say("memory", "add", "--text", "red \x1b[31m herons", "--words")
    assert "\x1b" not in say("memory", "search", "herons", "--words").stdout


def test_a_session_goes_on_from_run_to_run() -> None:
    """Each message is a run of its own, and is given what was said before."""
    say("run", "team.py:ada", "one", "--session", "chat", "--quiet")
    assert say("run", "team.py:ada", "two", "--session", "chat", "--quiet").stdout == (
        "['one', \"['one']\", 'two']\n"
    )
    assert [line.split()[0] for line in say("runs").stdout.splitlines()] == ["chat.2", "chat.1"]


def test_a_session_names_its_runs() -> None:
    """An id beside a session is a mistake."""
    assert say("run", "team.py:ada", "x", "--session", "chat", "--id", "r").exit_code == 2
