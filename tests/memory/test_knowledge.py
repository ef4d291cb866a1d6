"""The promises of knowledge, kept by both places, with vectors and without."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import coterie
from coterie.errors import BadInput, StoreUnavailable
from coterie.memory import MemoryKnowledge, SqliteKnowledge, rows
from coterie.ports import Knowledge
from coterie.testing import KnowledgePromises
from coterie.testing.knowledge import ADA, NOW, note, texts
from coterie.words.memory import Query
from tests.memory.hashing import Hashing


class TestMemoryWords(KnowledgePromises):
    @pytest.fixture
    def knowledge(self) -> Knowledge:
        return MemoryKnowledge()


class TestMemoryVectors(KnowledgePromises):
    @pytest.fixture
    def knowledge(self) -> Knowledge:
        return MemoryKnowledge(Hashing())


class TestSqliteWords(KnowledgePromises):
    operations = 2_000

    @pytest.fixture
    def knowledge(self, tmp_path: Path) -> Knowledge:
        return SqliteKnowledge(tmp_path / "memory.db", None)

    def reopen(self, knowledge: Knowledge) -> Knowledge:
        assert isinstance(knowledge, SqliteKnowledge)
        return SqliteKnowledge(knowledge.path, None)


class TestSqliteVectors(KnowledgePromises):
    operations = 2_000

    @pytest.fixture
    def knowledge(self, tmp_path: Path) -> Knowledge:
        return SqliteKnowledge(tmp_path / "memory.db", Hashing())

    def reopen(self, knowledge: Knowledge) -> Knowledge:
        assert isinstance(knowledge, SqliteKnowledge)
        return SqliteKnowledge(knowledge.path, Hashing())


@pytest.mark.slow
def test_p21_ten_thousand_random_operations_in_sqlite_leak_nothing(tmp_path: Path) -> None:
    """The same, at length, in the place that people use: vectors and words in one file."""
    KnowledgePromises().test_p21_random_operations_leak_nothing(
        SqliteKnowledge(tmp_path / "memory.db", Hashing())
    )


def test_forgotten_bytes_are_overwritten(tmp_path: Path) -> None:
    """What was forgotten or replaced is nowhere in the files, neither as text, nor as words, nor as a vector."""
    embed = Hashing()

    async def scene() -> None:
        knowledge = SqliteKnowledge(tmp_path / "memory.db", embed)
        await knowledge.remember(ADA, [note(f"herons {n}", str(n)) for n in range(50)])
        await knowledge.remember(ADA, [note("zyzzyva one", "a"), note("zyzzyva two", "b")])
        await knowledge.remember(ADA, [note("replaced", "a")])
        await knowledge.forget(ADA, Query(keys=("b",)))
        await knowledge.close()

    asyncio.run(scene())
    left = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    gone = [b"zyzzyva", *(row.tobytes() for row in embed(["zyzzyva one", "zyzzyva two"]))]
    assert [there in left for there in gone] == [False] * 3
    assert embed(["herons 7"])[0].tobytes() in left


def test_what_was_written_without_vectors_gets_them(tmp_path: Path) -> None:
    """A process without an embedder writes words; one with an embedder makes the vectors when it searches."""

    async def scene() -> list[str]:
        bare = SqliteKnowledge(tmp_path / "memory.db", None)
        await bare.remember(ADA, [note("A heron.", "a", time=NOW - 60)])
        await bare.close()
        whole = SqliteKnowledge(tmp_path / "memory.db", Hashing())
        found = await texts(whole, ADA, "heron", by="meaning")
        [entry] = await whole.recall(ADA, Query(), NOW)
        await whole.close()
        return [*found, str(NOW - entry.time)]

    assert asyncio.run(scene()) == ["A heron.", "60.0"]


def test_vectors_outlive_a_process_that_has_none(tmp_path: Path) -> None:
    """Who writes by words alone leaves the vectors of what has not changed."""
    embed = Hashing()

    async def scene() -> int:
        for maker in (embed, None, embed):
            knowledge = SqliteKnowledge(tmp_path / "memory.db", maker)
            await knowledge.remember(ADA, [note("A heron.", "a")])
            await knowledge.close()
        return embed.texts

    assert asyncio.run(scene()) == 1


def test_vectors_of_two_embedders_are_not_compared(tmp_path: Path) -> None:
    """A file made with one embedder says so to another; words are still searched."""

    async def scene() -> list[str]:
        first = SqliteKnowledge(tmp_path / "memory.db", Hashing())
        await first.remember(ADA, [note("A heron.", "a")])
        await first.close()
        other = SqliteKnowledge(tmp_path / "memory.db", Hashing(32), name="narrow")
        with pytest.raises(BadInput, match=r"'hashing'.*'narrow'"):
            await texts(other, ADA, "heron")
        found = await texts(other, ADA, "heron", by="words")
        await other.close()
        return found

    assert asyncio.run(scene()) == ["A heron."]


def test_a_new_epoch_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the list of what is gone begins anew, the vectors in memory do, too."""
    monkeypatch.setattr(rows, "FORGOTTEN", 5)

    async def scene() -> list[str]:
        knowledge = SqliteKnowledge(tmp_path / "memory.db", Hashing())
        await knowledge.remember(ADA, [note(f"heron {n}", str(n)) for n in range(9)])
        await texts(knowledge, ADA, "heron", by="meaning")
        await knowledge.forget(ADA, Query(keys=tuple(str(n) for n in range(7))))
        found = await texts(knowledge, ADA, "heron", by="meaning")
        await knowledge.close()
        return sorted(found)

    assert asyncio.run(scene()) == ["heron 7", "heron 8"]


@pytest.mark.parametrize("content", [b"no database" * 100, b""])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no database, or another program's, is left as it is, with one clear error."""
    path = tmp_path / "memory.db"
    path.write_bytes(content)
    if not content:
        with closing(sqlite3.connect(path)) as db:
            db.execute("create table mine (x)")
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match=r"memory\.db"):
        SqliteKnowledge(path, None)
    assert path.read_bytes() == before


WRITER = """
import asyncio, sys
from coterie.memory import SqliteKnowledge
from coterie.testing.knowledge import ADA, note

async def write(path, name):
    knowledge = SqliteKnowledge(path, None)
    for n in range(60):
        await knowledge.remember(ADA, [note(f"heron {name} {n}", f"{name}{n}"), note(f"{name} {n}", "same")])
    await knowledge.close()

asyncio.run(write(sys.argv[1], sys.argv[2]))
"""


def test_processes_write_side_by_side(tmp_path: Path) -> None:
    """Three processes write one file while this one searches it: nothing is lost, and all of it is noticed."""
    path = tmp_path / "memory.db"

    async def scene() -> tuple[int, int]:
        knowledge = SqliteKnowledge(path, Hashing())
        source = str(Path(coterie.__file__).parents[1])
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], env={"PYTHONPATH": source})
            for name in "abc"
        ]
        while any(writer.poll() is None for writer in writers):
            await texts(knowledge, ADA, "heron", by="meaning", limit=500)
        found = await texts(knowledge, ADA, "heron", by="meaning", limit=500)
        same = await texts(knowledge, ADA, keys=("same",))
        await knowledge.close()
        assert [writer.wait() for writer in writers] == [0, 0, 0]
        return len([text for text in found if "heron" in text]), len(same)

    assert asyncio.run(scene()) == (180, 1)
