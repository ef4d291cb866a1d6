"""The index: what a build does, what a search finds, and who may use it at once."""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import BadInput, StoreUnavailable
from coterie.memory.folder import Document, Folder, read_folder
from coterie.memory.index import Built, Hit, Index, fused, index_path
from coterie.memory.markup import markdown
from coterie.memory.passages import LONGEST
from coterie.words.digest import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
QUERIES = ("store writes", "heron", 'quote " AND (NEAR* col:', "water -- ; drop", "é")


DIMENSIONS = 128


class Hashing:
    """An embedder that counts words by hash, the same everywhere; knows how many texts it got."""

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self.texts = 0
        self._dimensions = dimensions

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        self.texts += len(texts)
        rows = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % self._dimensions] += 1
        lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return np.asarray(rows / lengths, dtype=np.float32)


def folder_of(files: dict[str, str]) -> Folder:
    """A folder as if it had been read."""
    return Folder(
        tuple(Document(file, markdown(text), digest(text.encode())) for file, text in sorted(files.items()))
    )


def where(hits: Sequence[Hit]) -> list[str]:
    return [f"{hit.passage.file}:{hit.passage.first}" for hit in hits]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "docs.db", Hashing(), model="hashing") as index:
        yield index


BIRDS = {"heron.md": "A heron waits.", "gull.md": "A gull cries.", "both.md": "Gull and heron."}


def test_unchanged_files_are_not_embedded_again(tmp_path: Path) -> None:
    """A second build costs nothing; a change costs the file that changed, and no more."""
    embed = Hashing()
    with Index(tmp_path / "docs.db", embed, model="hashing") as index:
        first = index.build(folder_of(BIRDS))
        cost = [embed.texts]
        second = index.build(folder_of(BIRDS))
        cost.append(embed.texts)
        third = index.build(folder_of({"heron.md": "It flies.", "both.md": BIRDS["both.md"]}))
        cost.append(embed.texts)
    assert (first, second) == (Built(3, 0, 0, 0, 3), Built(0, 0, 0, 3, 3))
    assert third == Built(added=0, changed=1, removed=1, kept=1, passages=2)
    assert np.diff(cost).tolist() == [0, 1]


def test_what_was_built_is_there_when_opened_again(tmp_path: Path) -> None:
    """The index lives on disk."""
    embed = Hashing()
    with Index(tmp_path / "docs.db", embed, model="hashing") as index:
        index.build(folder_of(BIRDS))
        expected = index.search("heron waits")
    with Index(tmp_path / "docs.db", embed, model="hashing") as again:
        assert again.search("heron waits") == expected
        assert again.build(folder_of(BIRDS)).kept == 3


TEXTS = st.sampled_from(
    ["A heron waits.", "The store writes.\n\n# Two\n\nWater.", "", "word " * 500, "é gull heron"]
)
FOLDERS = st.dictionaries(st.sampled_from(["a.md", "b.md", "c/d.md", "e.md"]), TEXTS)


@settings(max_examples=30, deadline=None)
@given(st.lists(FOLDERS, min_size=1, max_size=4))
def test_an_index_grown_in_steps_equals_a_fresh_one(states: list[dict[str, str]]) -> None:
    """Whatever a folder went through, its index answers as if it had just been made."""
    with TemporaryDirectory() as place:
        grown = Index(Path(place, "grown.db"), Hashing(), model="hashing")
        fresh = Index(Path(place, "fresh.db"), Hashing(), model="hashing")
        with grown, fresh:
            for state in states:
                grown.build(folder_of(state))
            fresh.build(folder_of(states[-1]))
            for query in QUERIES:
                assert grown.search(query) == fresh.search(query)


def test_another_embedder_builds_the_index_anew(tmp_path: Path) -> None:
    """Another name, or other dimensions: no vector of the old one stays."""
    path = tmp_path / "docs.db"
    for model, dimensions in (("one", 64), ("two", 64), ("two", 32)):
        with Index(path, Hashing(dimensions), model=model) as index:
            assert index.build(folder_of(BIRDS)) == Built(3, 0, 0, 0, 3)
            assert len(index.search("heron")) == 3


def test_an_index_that_is_not_built_says_so(index: Index) -> None:
    """Searching before building is an error, not an empty answer."""
    with pytest.raises(BadInput, match=r"call build\(folder\)"):
        index.search("heron")


def test_an_empty_folder_has_no_hits(index: Index) -> None:
    """Nothing in, nothing out."""
    assert index.build(folder_of({})) == Built(0, 0, 0, 0, 0)
    assert index.search("heron") == []


@pytest.mark.parametrize("query", ['"', "a AND", "(", "file:x", "NEAR(a b)", "*", "-x", "a\0b", "%"])
def test_the_syntax_of_full_text_is_only_text(index: Index, query: str) -> None:
    """No query is an error, whatever is in it."""
    index.build(folder_of(BIRDS))
    assert len(index.search(query)) == 3


def test_no_words_and_no_limit_give_no_hits(index: Index) -> None:
    """Blank queries and a limit of zero are answered, with nothing."""
    index.build(folder_of(BIRDS))
    assert [index.search("  "), index.search("heron", 0), index.by_words("?!")] == [[], [], []]


def test_equal_passages_come_by_file_and_line(index: Index) -> None:
    """Ties are broken by place, not by when a file was added."""
    index.build(folder_of({"b.md": "Same words."}))
    index.build(folder_of({"b.md": "Same words.", "a.md": "Same words.", "c.md": "Same words."}))
    for find in (index.search, index.by_meaning, index.by_words):
        assert where(find("same words")) == ["a.md:1", "b.md:1", "c.md:1"]


def test_words_are_found_by_their_stem_and_without_accents(index: Index) -> None:
    """Full text finds `waiting` for `waits` and `Tür` for `tur`."""
    index.build(folder_of(BIRDS | {"door.md": "Die Tür."}))
    assert where(index.by_words("waiting")) == ["heron.md:1"]
    assert where(index.by_words("tur")) == ["door.md:1"]


def test_the_end_of_an_overlong_line_is_found_by_meaning(index: Index) -> None:
    """A line that the embedder would cut short is embedded in pieces."""
    index.build(folder_of({"long.md": "gull " * 900 + "heron waits", "other.md": "A tern."}))
    hits = index.by_meaning("heron waits")
    assert where(hits) == ["long.md:1", "other.md:1"]


def test_headings_are_searched_too(index: Index) -> None:
    """A passage is found by a heading over it that its own lines do not repeat."""
    text = "# Penguins\n\n" + "snow " * (LONGEST - 2) + "\n\nThey walk far."
    index.build(folder_of(BIRDS | {"south.md": text}))
    assert where(index.by_words("penguins walk"))[0] == "south.md:5"


def test_fusion_adds_reciprocal_ranks() -> None:
    """Found by both beats found first by one."""
    assert fused([[1, 2], [3, 2]]) == {1: 1 / 61, 2: 2 / 62, 3: 1 / 61}


def test_threads_may_search_while_one_builds(tmp_path: Path) -> None:
    """Every search sees a whole build, the one before or the one after."""
    more = BIRDS | {f"{n}.md": f"Number {n} is a heron." for n in range(20)}
    with Index(tmp_path / "docs.db", Hashing(), model="hashing") as index:
        index.build(folder_of(BIRDS))
        with ThreadPoolExecutor(8) as threads:
            searches = [threads.submit(index.search, "heron", 100) for _ in range(40)]
            builds = [threads.submit(index.build, folder_of(f)) for f in (more, BIRDS, more)]
            searches += [threads.submit(index.search, "heron", 100) for _ in range(40)]
        assert {len(search.result()) for search in searches} <= {3, 23}
        assert [build.result().passages for build in builds if build.result().added] != []


def test_two_processes_building_at_once_agree(tmp_path: Path) -> None:
    """Whoever comes second sees what the first has written, and does not write it twice."""
    path = tmp_path / "docs.db"

    class Slow(Hashing):
        def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]:
            if len(texts) > 1 and not self.texts > 10:
                self.texts += 100
                with Index(path, Hashing(), model="hashing") as rival:
                    rival.build(folder_of(BIRDS))
            return super().__call__(texts)

    with Index(path, Slow(), model="hashing") as index:
        assert index.build(folder_of(BIRDS)) == Built(0, 0, 0, 3, 3)
        assert len(index.search("heron", 10)) == 3


def test_another_connection_sees_a_rebuilt_index(tmp_path: Path) -> None:
    """The matrix in memory is read again when the file has changed under it."""
    first = Index(tmp_path / "docs.db", Hashing(), model="hashing")
    second = Index(tmp_path / "docs.db", Hashing(), model="hashing")
    with first, second:
        first.build(folder_of(BIRDS))
        assert len(second.by_meaning("heron", 10)) == 3
        first.build(folder_of({"one.md": "One heron."}))
        assert where(second.by_meaning("heron", 10)) == ["one.md:1"]


def test_a_build_that_fails_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    """An embedder that breaks down costs nothing that was there."""
    path = tmp_path / "docs.db"

    def broken(texts: Sequence[str], /) -> NDArray[np.float32]:
        return np.full((len(texts), 128), 1.0 if texts == ["name"] else np.nan, dtype=np.float32)

    with Index(path, Hashing(), model="hashing") as index:
        index.build(folder_of(BIRDS))
        with (
            Index(path, broken, model="hashing") as other,
            pytest.raises(ValueError, match="finite"),
        ):
            other.build(folder_of({"new.md": "Two.\n\nTexts."}))
        assert len(index.search("heron")) == 3


def test_building_tells_how_far_it_is(index: Index) -> None:
    """The listener hears texts done and texts in all."""
    told: list[tuple[int, int]] = []
    index.build(folder_of({"a.md": "word " * LONGEST * 300}), lambda done, of: told.append((done, of)))
    assert told == [(256, 300), (300, 300)]


def test_a_file_that_is_no_index_is_a_clear_error(tmp_path: Path) -> None:
    """It says what to do about it."""
    (tmp_path / "docs.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreUnavailable, match="delete the file"):
        Index(tmp_path / "docs.db", Hashing(), model="hashing")


def test_each_folder_has_an_index_of_its_own(tmp_path: Path) -> None:
    """The name depends on the folder, however it is written."""
    runs = tmp_path / "runs.db"
    assert index_path(tmp_path / "a", runs) == index_path(tmp_path / "b" / ".." / "a", runs)
    assert index_path(tmp_path / "a", runs) != index_path(tmp_path / "b", runs)
    assert index_path(tmp_path / "a", runs).parent == tmp_path


def test_an_index_can_share_a_file_with_other_tables(tmp_path: Path) -> None:
    """Tables of others in the same file are left alone, at a rebuild too."""
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as db:
        db.execute("create table events (seq integer)")
        db.execute("insert into events values (7)")
    db.close()
    for model in ("one", "two"):
        with Index(path, Hashing(), model=model) as index:
            index.build(folder_of(BIRDS))
    with sqlite3.connect(path) as db:
        assert db.execute("select seq from events").fetchall() == [(7,)]
    db.close()


def test_full_text_finds_most_labelled_passages(index: Index) -> None:
    """A regression floor under the half of search that needs no model: it found 20 of 27."""
    index.build(read_folder(DATA / "library"))
    rows = [json.loads(line) for line in (DATA / "questions.jsonl").read_text().splitlines()]
    assert sum(found(index.by_words(row["question"], 5), row) for row in rows) >= 18


def found(hits: Sequence[Hit], row: dict[str, Any]) -> bool:
    """Whether the line that answers a labelled question is among the hits."""
    places = [hit.passage for hit in hits if hit.passage.file == row["file"]]
    return any(place.first <= row["line"] <= place.last for place in places)
