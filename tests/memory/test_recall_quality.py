"""How well memory finds: recall@5 of vectors, words and both on the labelled questions of the repository."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from coterie.memory import Memory
from coterie.memory.embeddings import embedder
from coterie.models.pins import MINILM
from coterie.models.weights import cache_folder
from coterie.words.memory import By

DATA = Path(__file__).parent / "data"
ROWS = [json.loads(line) for line in (DATA / "questions.jsonl").read_text().splitlines()]
cached = pytest.mark.skipif(not (cache_folder() / MINILM.file).is_file(), reason="MiniLM is not in the cache")


async def found(memory: Memory, by: By) -> int:
    """How many questions have the line that answers them among the first five."""
    hits = 0
    for row in ROWS:
        entries = await memory.recall(row["question"], limit=5, by=by)
        hits += any(holds(entry.source, row["file"], row["line"]) for entry in entries)
    return hits


def holds(source: str, file: str, line: int) -> bool:
    """Whether a source, such as `file:library/notes.md:3-9`, has a line."""
    place, _, lines = source.rpartition(":")
    first, last = map(int, lines.split("-"))
    return place == f"file:library/{file}" and first <= line <= last


def counts(memory: Memory, *ways: By) -> list[int]:
    """How many questions each way answers."""

    async def scene() -> list[int]:
        await memory.add_folder(DATA / "library", name="library")
        counted = [await found(memory, by) for by in ways]
        await memory.close()
        return counted

    return asyncio.run(scene())


def test_words_alone_find_most(tmp_path: Path) -> None:
    """Without a model, both places find as much as full text can of questions that avoid the words."""
    assert [
        counts(memory, "words")[0] >= 18 for memory in (Memory(tmp_path / "m.db", embed=None), Memory())
    ] == [True, True]


@pytest.mark.weights
@cached
def test_meaning_finds_more_and_both_together_no_less(tmp_path: Path) -> None:
    """With the embedded model nearly all are found; merging words in does not cost what meaning found."""
    meaning, words, both = counts(Memory(tmp_path / "m.db", embed=embedder()), "meaning", "words", "both")
    assert meaning >= 25
    assert both >= 25
    assert words < meaning
