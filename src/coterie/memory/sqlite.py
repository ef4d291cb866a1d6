"""Knowledge in one SQLite file: entries, vectors and words, searched together by whoever may.

Theory of operation:

1. The file is the truth. Vectors are rows in it; a matrix of each tenant that asks is held in memory,
   and brought up to date by what has changed since (`pragma data_version` says whether anything has).
2. Who may read comes before what is alike: the matrix is searched among the rows that the reader, the
   tags and the age let through, full text has the same conditions in its query, and what is read in the
   end is checked once more.
3. Meaning and words are merged by reciprocal rank fusion, as in `memory.index`. Where nothing makes
   vectors, words are all there is; entries that such a process wrote get theirs when one that can searches.
4. A write is one transaction. Embedding is slow, so it comes before.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from msgspec.structs import replace

from coterie.errors import BadInput, StoreUnavailable
from coterie.memory import rows
from coterie.memory.index import DEPTH, fused
from coterie.memory.matrix import Matrix
from coterie.memory.meaning import Embedding, Meaning
from coterie.memory.transaction import transaction
from coterie.words.memory import Query, Recalled, Remembered
from coterie.words.principal import Principal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SqliteKnowledge:
    """What is remembered, in the file at `path`. Any number of processes and threads may use it at once.

    Raises:
        StoreUnavailable: if the file cannot be used; from every method.
    """

    def __init__(self, path: str | Path, embed: Embedding = "auto", *, name: str = "") -> None:
        self.path = Path(path)
        self.meaning = Meaning(embed, name)
        self._lock = RLock()
        self._held: dict[str, _Held] = {}
        self._changes = 0
        with self._told():
            self._db = rows.connect(path)

    async def remember(self, who: Principal, entries: Sequence[Remembered], /) -> None:
        await asyncio.to_thread(self._remember, who, entries)

    async def recall(self, who: Principal, query: Query, now: float, /) -> list[Recalled]:
        return await asyncio.to_thread(self._recall, who, query, now)

    async def forget(self, who: Principal, query: Query, /) -> int:
        return await asyncio.to_thread(self._forget, who, query)

    async def close(self) -> None:
        with self._lock:
            self._held.clear()
            self._db.close()

    def _remember(self, who: Principal, entries: Sequence[Remembered]) -> None:
        with self._transaction("deferred"):
            new = rows.changed(self._db, who, entries, self.meaning.maker)
        vectors = self.meaning.of([entry.text for entry in new])
        with self._writing():
            for entry, made in zip(new, vectors, strict=True):
                rows.put(self._db, who, entry, made, self.meaning.maker if made else "")

    def _forget(self, who: Principal, query: Query) -> int:
        with self._writing():
            ids = rows.owned(self._db, who, query)
            rows.delete(self._db, ids)
        with self._lock, self._told():
            if ids and sqlite3.sqlite_version_info < (3, 42):
                self._db.execute("insert into memory_word (memory_word) values ('optimize')")
            self._db.execute("pragma wal_checkpoint(truncate)")
        return len(ids)

    def _recall(self, who: Principal, query: Query, now: float) -> list[Recalled]:
        if query.limit < 1:
            return []
        asked = bool(query.text.strip())
        vector = self._vector(who, query) if asked and query.by != "words" else None
        with self._transaction("deferred"):
            if not asked:
                return list(rows.read(self._db, who, rows.newest(self._db, who, query, now)).values())
            rankings: list[list[int]] = []
            depth = max(DEPTH, query.limit)
            if vector is not None:
                rankings.append(self._nearest(who, query, now, vector))
            if query.by != "meaning" or vector is None:
                rankings.append(rows.matching(self._db, who, query, now, depth))
            scores = sorted(fused(rankings).items(), key=lambda one: (-one[1], -one[0]))
            found = rows.read(self._db, who, [id for id, _ in scores[: query.limit]])
        return [replace(found[id], score=score) for id, score in scores[: query.limit] if id in found]

    def _vector(self, who: Principal, query: Query) -> NDArray[np.float32] | None:
        """The query's vector; what has none yet of what is in the file gets its own first."""
        made = self.meaning.vectors([query.text])
        if made is None:
            return None
        with self._transaction("deferred"):
            bare, other = rows.makers(self._db, who.tenant, self.meaning.maker)
        if other:
            raise BadInput(
                f"the vectors in {str(self.path)!r} are of {other!r}, and this process makes those of "
                f"{self.meaning.maker!r}, which cannot be compared: open it with {other!r}, or with embed=None"
            )
        for owner in dict.fromkeys(whose for whose, _ in bare):
            self._remember(replace(who, name=owner), [entry for whose, entry in bare if whose == owner])
        vector: NDArray[np.float32] = made[0]
        return vector

    def _nearest(self, who: Principal, query: Query, now: float, vector: NDArray[np.float32]) -> list[int]:
        matrix = self._matrix(who.tenant, len(vector))
        some = rows.among(self._db, who, query, now) if query.keys or query.source else None
        return matrix.nearest(vector, matrix.rows(who, query, now, some), max(DEPTH, query.limit))

    def _matrix(self, tenant: str, width: int) -> Matrix:
        """The vectors of a tenant as they are in the file now."""
        [(version,)] = self._db.execute("pragma data_version")
        held = self._held.get(tenant)
        if held is not None and held.seen == (version, self._changes):
            return held.matrix
        [(epoch,)] = self._db.execute("select epoch from memory_epoch")
        if held is None or held.epoch != epoch or held.matrix.gone * 2 > max(1024, held.matrix.count):
            held = self._held[tenant] = _Held(Matrix(width), epoch)
            [(held.gone,)] = self._db.execute("select coalesce(max(seq), 0) from memory_gone")
        held.follow(self._db, tenant, self.meaning.maker)
        held.seen = (version, self._changes)
        return held.matrix

    @contextmanager
    def _writing(self) -> Generator[None, None, None]:
        with self._transaction("immediate"):
            yield
            self._changes += 1

    @contextmanager
    def _transaction(self, kind: str) -> Generator[None, None, None]:
        """All or nothing, and alone on the connection."""
        with self._lock, self._told(), transaction(self._db, kind):
            yield

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(
                f"the memory {str(self.path)!r} can't be used: {error}; is the folder there, writable and "
                "not full, and is it a file that Coterie's memory has made?"
            ) from error


class _Held:
    """The vectors of a tenant, and how far they have followed the file."""

    def __init__(self, matrix: Matrix, epoch: int) -> None:
        self.matrix = matrix
        self.epoch = epoch
        self.seen: tuple[int, int] = (-1, -1)
        self.gone = 0
        self._last = 0

    def follow(self, db: sqlite3.Connection, tenant: str, maker: str) -> None:
        """Take what is new and drop what is gone."""
        for id, entry, vectors in rows.vectors_after(db, tenant, self._last, maker):
            self.matrix.add(id, entry, vectors)
            self._last = id
        for seq, id in db.execute(
            "select seq, memory from memory_gone where seq > ? order by seq", (self.gone,)
        ):
            self.matrix.drop(id)
            self.gone = seq
