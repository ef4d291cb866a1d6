"""The walk at the command line: every command of it runs as it stands, and says what the page shows."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from coterie.doors.cli.commands import coterie

PAGE = Path(__file__).parents[2] / "docs" / "walk.md"
FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def scenes(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a page, and the lines that are shown below it."""
    for block in CONSOLE.findall(text):
        for scene in block.split("$ coterie ")[1:]:
            command, *lines = scene.splitlines()
            yield command, lines


def missing(shown: list[str], said: str) -> list[str]:
    """The lines that are not among what was said, in their order; `…` stands for anything, spaces for any."""
    rest, gone = [" ".join(line.split()) for line in said.splitlines()], list[str]()
    for line in shown:
        parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
        wanted = re.compile(r"\s*.*?\s*".join(parts))
        at = next((n for n, one in enumerate(rest) if wanted.fullmatch(one)), None)
        gone += [line] if at is None else []
        rest = rest if at is None else rest[at + 1 :]
    return gone


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTERIE_STORE", raising=False)
    path = list(sys.path)
    yield
    sys.path[:] = path


def test_the_walk_is_as_it_is_shown() -> None:
    """Budget, approval, cancel, grants, taint, fork and audit, in one folder, from the first command to the last."""
    text = PAGE.read_text()
    for name, body in FILE.findall(text):
        Path(name).write_text(body)
    walked = list(scenes(text))
    for command, shown in walked:
        said = CliRunner().invoke(coterie, shlex.split(command), catch_exceptions=False)
        assert missing(shown, said.output) == [], f"$ coterie {command}\n{said.output}"
    assert len(walked) == len(re.findall(r"^\$ ", text, re.MULTILINE)) > 20


def test_a_line_that_is_not_said_is_found() -> None:
    """Lines are looked for in their order, with anything where the page leaves something out."""
    assert missing(["a … c", "d"], "a b c\nx\nd\n") == []
    assert missing(["d", "a … c"], "a b c\nx\nd\n") == ["a … c"]
