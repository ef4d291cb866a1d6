"""The vectors of one tenant in memory: exact search, among the rows that a filter lets through.

Rows only grow; what is forgotten is overwritten with zeros at once and passed over. Labels (who may
read, tags, kind) are lists of rows, so that a filter is a few passes over bits and comes before
any comparison of vectors.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from coterie.words.memory import Query, Remembered
from coterie.words.principal import Principal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROOM = 1024
"""Rows that there is room for at first."""
PORTION = 512
"""Rows that are gathered at once."""
SELECTIVE = 4
"""Where fewer than one row of this many passes, those rows are gathered; else all are compared and the rest dropped."""


class Matrix:
    """Vectors, a row each; an entry has one or several, beside each other, and ids only grow."""

    def __init__(self, width: int) -> None:
        import numpy as np

        self._rows: NDArray[np.float32] = np.zeros((ROOM, width), dtype=np.float32)
        self._ids: NDArray[np.int64] = np.zeros(ROOM, dtype=np.int64)
        self._times: NDArray[np.float64] = np.zeros(ROOM, dtype=np.float64)
        self._alive: NDArray[np.bool_] = np.zeros(ROOM, dtype=np.bool_)
        self._labels: dict[str, array[int]] = {}
        self.count = 0
        self.gone = 0

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return int(self._rows.shape[1])

    def add(self, id: int, entry: Remembered, vectors: Sequence[bytes]) -> None:
        """Take the vectors of an entry, whose id is higher than every one before it."""
        import numpy as np

        for vector in vectors:
            row = self.count
            if row == len(self._ids):
                self._grow()
            self._rows[row] = np.frombuffer(vector, dtype="<f4")
            self._ids[row], self._times[row], self._alive[row] = id, entry.time, True
            self.count += 1
            for label in labels(entry):
                self._labels.setdefault(label, array("q")).append(row)

    def drop(self, id: int) -> None:
        """Forget an entry: its numbers are overwritten."""
        import numpy as np

        first = int(np.searchsorted(self._ids[: self.count], id))
        last = int(np.searchsorted(self._ids[: self.count], id, side="right"))
        self._rows[first:last] = 0.0
        self.gone += int(self._alive[first:last].sum())
        self._alive[first:last] = False

    def rows(
        self, who: Principal, query: Query, now: float, among: Sequence[int] | None = None
    ) -> NDArray[np.int64]:
        """The rows that `who` may read and `query` allows; only of entries `among`, if that is given."""
        import numpy as np

        passing = self._having("reader:" + reader for reader in who.readers)
        passing &= self._alive[: self.count]
        for label in [f"tag:{tag}" for tag in query.tags] + [f"kind:{query.kind}"] * bool(query.kind):
            passing &= self._having([label])
        if query.minutes is not None:
            passing &= self._times[: self.count] >= now - 60 * query.minutes
        if among is not None:
            passing &= np.isin(self._ids[: self.count], np.asarray(among, dtype=np.int64))
        return np.flatnonzero(passing)

    def nearest(self, vector: NDArray[np.float32], rows: NDArray[np.int64], depth: int) -> list[int]:
        """The entries among `rows` with the highest cosine, each by its best vector; of equals the newest."""
        import numpy as np

        if len(rows) * SELECTIVE < self.count:
            # In portions that stay in the processor's cache: a third of the time of one large copy.
            portions = [rows[at : at + PORTION] for at in range(0, len(rows), PORTION)] or [rows]
            scores = np.concatenate([self._rows.take(some, axis=0) @ vector for some in portions])
        else:
            scores = (self._rows[: self.count] @ vector)[rows]
        ranked: dict[int, None] = {}
        wide = depth
        while rows.size:
            wide = min(2 * wide, len(rows))
            best = np.argpartition(-scores, wide - 1)[:wide]
            order = best[np.lexsort((-self._ids[rows[best]], -scores[best]))]
            ranked = dict.fromkeys(int(id) for id in self._ids[rows[order]])
            if len(ranked) >= depth or wide == len(rows):
                break
        return list(ranked)[:depth]

    def _having(self, labels: Iterable[str]) -> NDArray[np.bool_]:
        import numpy as np

        having: NDArray[np.bool_] = np.zeros(self.count, dtype=np.bool_)
        for label in labels:
            if label in self._labels:
                having[np.frombuffer(self._labels[label], dtype=np.int64)] = True
        return having

    def _grow(self) -> None:
        import numpy as np

        more = len(self._ids)
        self._rows = np.concatenate([self._rows, np.zeros((more, self.width), dtype=np.float32)])
        self._ids = np.concatenate([self._ids, np.zeros(more, dtype=np.int64)])
        self._times = np.concatenate([self._times, np.zeros(more, dtype=np.float64)])
        self._alive = np.concatenate([self._alive, np.zeros(more, dtype=np.bool_)])


def labels(entry: Remembered) -> list[str]:
    """What filters ask of an entry: who may read it, its tags, its kind."""
    readers = dict.fromkeys((entry.owner, *entry.shared))
    return [
        *(f"reader:{reader}" for reader in readers),
        *(f"tag:{tag}" for tag in dict.fromkeys(entry.tags)),
        f"kind:{entry.kind}",
    ]
