"""Where an index keeps its passages: the SQLite tables behind `Index`, and nothing that ranks."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

import msgspec
from msgspec import Struct

from coterie.errors import BadInput, StoreUnavailable
from coterie.memory.passages import Passage
from coterie.memory.transaction import transaction
from coterie.opening import PATIENCE, write_ahead

QUERY_WORDS = 64
"""Different words of a query that full text looks for."""

_INDEX = """
create table if not exists passage_index (
    id integer primary key check (id = 1), maker text not null, generation integer not null)
"""
_TABLES = (
    "create table passage_file (file text primary key, digest blob not null)",
    """create table passage (
        id integer primary key, file text not null, first integer not null,
        last integer not null, headings blob not null, text text not null)""",
    "create index passage_place on passage (file, first)",
    """create table passage_vector (
        passage integer not null, piece integer not null, vector blob not null,
        primary key (passage, piece))""",
    """create virtual table passage_word using fts5 (
        headings, text, tokenize = 'porter unicode61 remove_diacritics 2')""",
)
_DROPS = tuple(
    f"drop table if exists {table}" for table in ("passage_file", "passage", "passage_vector", "passage_word")
)
_MATCHING = """
select passage.id from passage_word join passage on passage.id = passage_word.rowid
where passage_word match ? order by bm25(passage_word), file, first limit ?
"""
_VECTORS = """
select passage.id, vector from passage_vector join passage on passage.id = passage
order by file, first, piece
"""
_WORD = re.compile(r"\w+")


class Entry(Struct, frozen=True):
    """A file as it is stored: each passage comes with the vectors of its pieces, as bytes."""

    file: str
    digest: bytes
    passages: tuple[tuple[Passage, Sequence[bytes]], ...]


class State(Struct, frozen=True):
    """What is stored at one moment: the digest of each file. A change counts the generation up."""

    generation: int
    files: Mapping[str, bytes]


class Shelf:
    """Files, passages and vectors in SQLite; one connection, one thread at a time."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._lock = RLock()
        with self._told():
            self._db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            write_ahead(self._db)
            self._db.execute(_INDEX)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def state(self, maker: str) -> State:
        """What `maker` has stored; no files if it was another one."""
        with self._transaction("deferred"):
            return self._state(maker)

    def change(self, seen: State, maker: str, gone: Collection[str], come: Collection[Entry]) -> int | None:
        """Drop and add files; gives the number of passages, or None if `seen` is outdated."""
        with self._transaction("immediate"):
            if self._state(maker) != seen:
                return None
            renewed = self._maker() != maker
            if renewed:
                self._renew()
            if renewed or gone or come:
                self._drop(gone)
                self._add(come)
                self._sign(maker, seen.generation + 1)
            return int(self._db.execute("select count(*) from passage").fetchone()[0])

    @contextmanager
    def reading(self, maker: str) -> Generator[int, None, None]:
        """Sees one generation, whatever is written meanwhile, and says which.

        Raises:
            BadInput: if `maker` has built nothing yet.
        """
        with self._transaction("deferred"):
            if self._maker() != maker:
                raise BadInput(f"the index {str(self._path)!r} is not built: call build(folder)")
            yield self._generation()

    def matching(self, query: str, limit: int) -> list[int]:
        """Passages that hold any word of the query, the best by BM25 first."""
        words = list(dict.fromkeys(_WORD.findall(query.lower())))[:QUERY_WORDS]
        if not words:
            return []
        # Quoted, a word is only ever a word: never an operator or a column of FTS5.
        match = " OR ".join(f'"{word}"' for word in words)
        return [id for (id,) in self._db.execute(_MATCHING, (match, limit))]

    def vectors(self) -> tuple[list[int], list[bytes]]:
        """The passage and the bytes of every vector, ordered by file, line and piece."""
        rows = self._db.execute(_VECTORS).fetchall()
        return [id for id, _ in rows], [vector for _, vector in rows]

    def passage(self, id: int) -> Passage:
        """One passage."""
        columns = "file, first, last, headings, text"
        row = self._db.execute(f"select {columns} from passage where id = ?", (id,)).fetchone()
        file, first, last, headings, text = row
        trail = msgspec.msgpack.decode(headings, type=tuple[str, ...])
        return Passage(file, first, last, trail, text)

    def _state(self, maker: str) -> State:
        if self._maker() != maker:
            return State(self._generation(), {})
        return State(self._generation(), dict(self._db.execute("select file, digest from passage_file")))

    def _maker(self) -> str:
        row = self._db.execute("select maker from passage_index").fetchone()
        return str(row[0]) if row else ""

    def _generation(self) -> int:
        row = self._db.execute("select generation from passage_index").fetchone()
        return int(row[0]) if row else 0

    def _sign(self, maker: str, generation: int) -> None:
        values = (maker, generation)
        self._db.execute("insert or replace into passage_index values (1, ?, ?)", values)

    def _renew(self) -> None:
        for statement in _DROPS + _TABLES:
            self._db.execute(statement)

    def _drop(self, files: Iterable[str]) -> None:
        mine = "select id from passage where file = ?"
        for file in files:
            self._db.execute(f"delete from passage_vector where passage in ({mine})", (file,))
            self._db.execute(f"delete from passage_word where rowid in ({mine})", (file,))
            self._db.execute("delete from passage where file = ?", (file,))
            self._db.execute("delete from passage_file where file = ?", (file,))

    def _add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._db.execute("insert into passage_file values (?, ?)", (entry.file, entry.digest))
            for passage, vectors in entry.passages:
                self._add_passage(passage, vectors)

    def _add_passage(self, passage: Passage, vectors: Sequence[bytes]) -> None:
        headings = msgspec.msgpack.encode(passage.headings)
        row = (passage.file, passage.first, passage.last, headings, passage.text)
        id = self._db.execute("insert into passage values (null, ?, ?, ?, ?, ?)", row).lastrowid
        words = (id, " ".join(passage.headings), passage.text)
        self._db.execute("insert into passage_word (rowid, headings, text) values (?, ?, ?)", words)
        pieces = [(id, piece, vector) for piece, vector in enumerate(vectors)]
        self._db.executemany("insert into passage_vector values (?, ?, ?)", pieces)

    @contextmanager
    def _transaction(self, kind: str) -> Generator[None, None, None]:
        """All or nothing, and alone on the connection."""
        with self._lock, self._told(), transaction(self._db, kind):
            yield

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"the index {str(self._path)!r} can't be used: {error}; "
                "free the disk or delete the file, it is built anew"
            ) from error
