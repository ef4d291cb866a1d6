"""P30: every Python block of the documents runs, offline, as it stands."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from coterie.testing.sockets import block_sockets

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[str]:
    """Each block with as many lines before it as there are in the document, so that errors name its lines."""
    for found in BLOCK.finditer(text):
        yield "\n" * text.count("\n", 0, found.start(1)) + found[1]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_of_a_document_runs_in_order(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of one document share one namespace and an empty folder, and reach no network."""
    document = ModuleType("document")
    monkeypatch.setitem(sys.modules, "document", document)
    monkeypatch.chdir(tmp_path)
    with block_sockets():
        for block in blocks((ROOT / name).read_text()):
            exec(compile(block, name, "exec"), document.__dict__)  # noqa: S102 - they are our own


def test_blocks_keep_their_lines() -> None:
    """A block of the third line begins with two empty ones."""
    assert list(blocks("a\n```python\nx = 1\n```\n")) == ["\n\nx = 1\n"]
