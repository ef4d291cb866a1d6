"""Passages that can be found: vectors and full text in one SQLite file, searched together.

Theory of operation:

1. A file is known by the digest of its bytes. `build` embeds only what is new or changed,
   drops what is gone, and writes all of it in one transaction; who searches meanwhile sees the
   index before or after, never between.
2. Embedding is slow, so it happens outside the transaction. If another process changed the
   index in the meantime, `build` looks again and starts over.
3. Vectors belong to the embedder that made them. An index made with another embedder, or by
   another `FORMAT` of this file, is built anew.
4. Vector search is exact: a product with a matrix in memory, read again when the index has a
   new generation. Full text is SQLite's FTS5 with BM25. The two are merged by reciprocal rank
   fusion: the score of a passage is the sum of 1 / (60 + rank) over both rankings (Cormack,
   Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank
   learning methods", SIGIR 2009).
5. Equal scores are ordered by file and line, so the same index and query give the same hits.

One index holds one folder: `index_path` names its file. An `Index` may be used from any number
of threads, if its embedder may.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from coterie.memory.folder import Document, Folder
from coterie.memory.passages import LONGEST, Passage, passages
from coterie.memory.shelf import Entry, Shelf
from coterie.ports import Embedder
from coterie.words.digest import digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
"""Rises when tables, splitting or what is embedded changes, so that old indexes are built anew."""
FUSION = 60
"""The constant of reciprocal rank fusion, as in the paper."""
DEPTH = 50
"""How far down each ranking is merged."""
BATCH = 256
"""Texts that are embedded at once."""


class Hit(Struct, frozen=True):
    """A passage that was found; within one search a higher score is better."""

    passage: Passage
    score: float


class Built(Struct, frozen=True):
    """What a build did: files added, changed, removed and kept, and the passages there are now."""

    added: int
    changed: int
    removed: int
    kept: int
    passages: int


class _Matrix(Struct, frozen=True):
    """All vectors, a row each, ordered by file and line, and the passage each row belongs to."""

    generation: int
    rows: NDArray[np.float32]
    owners: NDArray[np.int64]


def index_path(root: str | Path, beside: str | Path) -> Path:
    """Where the index of the folder `root` lives: next to `beside`, named by its folder."""
    name = digest(str(Path(root).resolve()).encode("utf-8", "surrogateescape")).hex()[:16]
    return Path(beside).with_name(f"docs-{name}.db")


class Index:
    """The passages of one folder, found by meaning, by words, or by both.

    `model` names the embedder, so that vectors of different ones are never compared. Every
    method blocks: call it from a thread.

    Raises:
        StoreUnavailable: if the file cannot be opened or is no index; from every method.
    """

    def __init__(self, path: str | Path, embed: Embedder, *, model: str) -> None:
        self._shelf = Shelf(path)
        self._embed = embed
        self._model = model
        self._maker = ""
        self._matrix: _Matrix | None = None
        self._reading = RLock()
        self._building = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._shelf.close()

    def build(self, folder: Folder, told: Callable[[int, int], None] | None = None) -> Built:
        """Make the index hold this folder and nothing else; `told` hears texts done and in all."""
        wanted = {document.file: document for document in folder.documents}
        with self._building:
            maker = self._named()
            while True:
                seen = self._shelf.state(maker)
                gone = {file for file in seen.files if file not in wanted}
                new = [file for file in wanted if file not in seen.files]
                changed = [
                    file
                    for file in seen.files.keys() & wanted.keys()
                    if seen.files[file] != wanted[file].digest
                ]
                come = self._entries([wanted[file] for file in sorted(new + changed)], told)
                count = self._shelf.change(seen, maker, gone | set(changed), come)
                if count is not None:
                    kept = len(wanted) - len(new) - len(changed)
                    return Built(len(new), len(changed), len(gone), kept, count)

    def search(self, query: str, limit: int = 6) -> list[Hit]:
        """The best passages by meaning and words together; none for a query without a word."""
        return self._hits(query, limit, meaning=True, words=True)

    def by_meaning(self, query: str, limit: int = 6) -> list[Hit]:
        """The best passages by their vectors alone."""
        return self._hits(query, limit, meaning=True, words=False)

    def by_words(self, query: str, limit: int = 6) -> list[Hit]:
        """The best passages by full text alone."""
        return self._hits(query, limit, meaning=False, words=True)

    def _hits(self, query: str, limit: int, *, meaning: bool, words: bool) -> list[Hit]:
        if not query.strip() or limit < 1:
            return []
        depth = max(DEPTH, limit)
        vector = self._vectors([query])[0] if meaning else None
        with self._reading, self._shelf.reading(self._named()) as generation:
            rankings: list[list[int]] = []
            if vector is not None:
                rankings.append(_nearest(self._rows(generation, len(vector)), vector, depth))
            if words:
                rankings.append(self._shelf.matching(query, depth))
            scores = fused(rankings)
            found = [Hit(self._shelf.passage(id), score) for id, score in scores.items()]
        found.sort(key=lambda hit: (-hit.score, hit.passage.file, hit.passage.first))
        return found[:limit]

    def _entries(self, documents: Sequence[Document], told: Callable[[int, int], None] | None) -> list[Entry]:
        """Documents as they are stored: passages, each with the vectors of its pieces."""
        split = [(document, passages(document)) for document in documents]
        texts = [text for _, found in split for passage in found for text in _pieces(passage)]
        vectors: list[bytes] = []
        for start in range(0, len(texts), BATCH):
            vectors += [row.tobytes() for row in self._vectors(texts[start : start + BATCH])]
            if told:
                told(len(vectors), len(texts))
        rest = iter(vectors)
        return [
            Entry(
                document.file,
                document.digest,
                tuple((passage, [next(rest) for _ in _pieces(passage)]) for passage in found),
            )
            for document, found in split
        ]

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        vectors = np.asarray(self._embed(texts), dtype="<f4")
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise ValueError(
                f"the embedder {self._model!r} gave {vectors.shape} for {len(texts)} texts: "
                "it has to give one row of finite numbers a text"
            )
        return vectors

    def _named(self) -> str:
        """What made the vectors: this file's format, the embedder's name, its dimensions."""
        if not self._maker:
            self._maker = f"{FORMAT} {self._model} {self._vectors(['name']).shape[1]}"
        return self._maker

    def _rows(self, generation: int, dimensions: int) -> _Matrix:
        import numpy as np

        if self._matrix is None or self._matrix.generation != generation:
            owners, blobs = self._shelf.vectors()
            rows = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(-1, dimensions)
            self._matrix = _Matrix(generation, rows, np.array(owners, dtype=np.int64))
        return self._matrix


def fused(rankings: Sequence[Sequence[int]]) -> dict[int, float]:
    """Reciprocal rank fusion: the sum over rankings of 1 / (60 + rank), ranks from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, id in enumerate(ranking, 1):
            scores[id] = scores.get(id, 0.0) + 1 / (FUSION + rank)
    return scores


def _nearest(matrix: _Matrix, vector: NDArray[np.float32], depth: int) -> list[int]:
    """The passages with the highest cosine, a passage counting as its best piece."""
    import numpy as np

    best = np.argsort(-(matrix.rows @ vector), kind="stable")
    ranked: dict[int, None] = {}
    for row in best:
        ranked[int(matrix.owners[row])] = None
        if len(ranked) == depth:
            break
    return list(ranked)


def _pieces(passage: Passage) -> list[str]:
    """What is embedded: the text under its headings, a line that is too long in several pieces."""
    words = passage.text.split()
    trail = " / ".join(passage.headings)
    starts = range(0, max(1, len(words)), LONGEST)
    bodies = [" ".join(words[at : at + LONGEST]) for at in starts]
    return [f"{trail}\n{body}" if trail else body for body in bodies]
