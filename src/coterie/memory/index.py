"""Passages that can be found: vectors and full text in one SQLite file, searched together.

Theory of operation:

1. A file is known by the digest of its bytes. `build` embeds only what is new or changed,
   drops what is gone, and writes all of it in one transaction; who searches meanwhile sees the
   index before or after, never between.
2. Embedding is slow, so it happens outside the transaction. If another process changed the index
   in the meantime, `build` looks again and starts over.
3. Vectors belong to the embedder that made them. An index made with another embedder, or by
   another version of this file, is built anew.
4. Vector search is exact: a product with a matrix in memory, read again when the index has a new
   generation. Full text is SQLite's FTS5 with BM25. The two are merged by reciprocal rank fusion
   (Cormack, Clarke and Büttcher, SIGIR 2009): the score of a passage is the sum of 1 / (60 + rank).
5. Equal scores are ordered by file and line, so the same index and query give the same hits.

One index holds one folder. An `Index` may be used from any number of threads.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from coterie.errors import BadInput
from coterie.memory.folder import Document, Folder
from coterie.memory.passages import LONGEST, Passage, passages
from coterie.ports import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
"""Rises when tables, splitting or embedding change, so that old indexes are built anew."""
FUSION = 60
"""The constant of reciprocal rank fusion, as in the paper."""
DEPTH = 50
"""How far down each ranking is merged."""
BATCH = 256
"""Texts that are embedded at once."""
QUERY_WORDS = 64
"""Words of a query that full text looks for."""

_TABLES = """
create table if not exists passage_index (
    id integer primary key check (id = 1), maker text not null, generation integer not null);
create table if not exists passage_file (file text primary key, digest blob not null);
create table if not exists passage (
    id integer primary key, file text not null, first integer not null, last integer not null,
    headings text not null, text text not null);
create index if not exists passage_by_file on passage (file);
create table if not exists passage_vector (
    passage integer not null, piece integer not null, vector blob not null,
    primary key (passage, piece));
create virtual table if not exists passage_word using fts5 (
    headings, text, tokenize = 'porter unicode61 remove_diacritics 2');
"""
_CLEAR = """
drop table passage_file; drop table passage; drop table passage_vector; drop table passage_word;
"""
_WORD = re.compile(r"\w+")


class Hit(Struct, frozen=True):
    """A passage that was found; a higher score is better, within one search."""

    passage: Passage
    score: float


class Built(Struct, frozen=True):
    """What a build did to the index: how many files of each kind, and how many passages it holds."""

    added: int
    changed: int
    removed: int
    kept: int
    passages: int


class _Change(Struct, frozen=True):
    """What has to happen: files that go, and documents that come with their vectors."""

    gone: frozenset[str]
    come: tuple[Document, ...]


class _Matrix(Struct, frozen=True):
    """All vectors, a row each, ordered by file and line, and the passage each row belongs to."""

    generation: int
    rows: NDArray[np.float32]
    owners: NDArray[np.int64]


Ranking = dict[int, float]
"""Passages by id with their scores, the best first."""
