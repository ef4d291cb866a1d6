"""What is remembered: searches of 10,000 and 100,000 entries, writes, and the memory they take."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.figures import Figure
from bench.fresh import child, memory, tell
from bench.race import Effort
from coterie.memory import SqliteKnowledge
from coterie.memory.index import DEPTH
from coterie.words.memory import By, Principal, Query, Remembered

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, OWNERS, WORDS, ASKED, BATCH = 384, 10, 5_000, 30, 1_000
SIZES = (10_000, 100_000)
ADA = Principal("ada0")
EVERYONE = Principal("reader")
NOW = 1_700_000_000.0


class Dice:
    """An embedder that takes no time: a random direction for each text, the same for the same text."""

    name = "dice"

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """A row of unit length a text."""
        seeds = [hash(text) & 0xFFFFFFFF for text in texts]
        rows = np.stack([np.random.default_rng(seed).standard_normal(WIDTH, np.float32) for seed in seeds])
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def entries(first: int, last: int) -> list[Remembered]:
    """Entries of about twelve words, of which a few are common, as in a language (Zipf's law)."""
    dice = np.random.default_rng(first)
    ranks = np.minimum(dice.zipf(1.3, (last - first, 12)), WORDS)
    return [
        Remembered(
            text=" ".join(f"word{rank}" for rank in row),
            key=f"k{n}",
            source="bench",
            shared=("*",) if n % 2 else (),
            tags=(f"tag{n % 10}",),
            time=NOW - n,
        )
        for n, row in enumerate(ranks, first)
    ]


async def _measured(count: int) -> None:
    """Fill a file, an owner after the other, then search it as one of ten owners."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory.db"
        knowledge = SqliteKnowledge(path, Dice())
        writing = await _filled(knowledge, count)
        size, empty = path.stat().st_size, memory()
        began = perf_counter()
        await knowledge.recall(ADA, Query(text="word1", by="meaning"), NOW)
        first = perf_counter() - began
        figures = {
            "write": count / writing,
            "first": first * 1e3,
            "kb": (memory() - empty) * 1e3 / count,
            "disk": size / count / 1e3,
        }
        for by in ("meaning", "words", "both"):
            figures[by] = await _searched(knowledge, EVERYONE, by=by)
            figures[f"{by}/10"] = await _searched(knowledge, EVERYONE, by=by, tags=("tag1",))
        figures["one"] = await _one_by_one(knowledge)
        await knowledge.close()
        tell(**figures, bare=_bare(count), bare10=_bare(count, OWNERS))


async def _filled(knowledge: SqliteKnowledge, count: int) -> float:
    """Seconds that writing takes in batches, embedding left out."""
    spent = 0.0
    for first in range(0, count, BATCH):
        batch = entries(first, min(count, first + BATCH))
        owner = Principal(f"ada{first // BATCH % OWNERS}")
        shared = [Remembered(**_fields(one, ("*",))) for one in batch]
        vectors = knowledge.meaning.of([one.text for one in shared])
        knowledge.meaning.of = lambda _, made=vectors: made  # type: ignore[method-assign]
        began = perf_counter()
        await knowledge.remember(owner, shared)
        spent += perf_counter() - began
        del knowledge.meaning.of
    return spent


def _fields(entry: Remembered, shared: tuple[str, ...]) -> dict[str, Any]:
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__}
    return {**fields, "shared": shared}


async def _searched(
    knowledge: SqliteKnowledge, who: Principal, *, by: By, tags: tuple[str, ...] = ()
) -> float:
    """Milliseconds of a search: the best of many, as everywhere here."""
    took: list[float] = []
    for n in range(ASKED):
        query = Query(text=f"word{n + 2} word{7 * n + 50} word{11 * n + 300}", by=by, tags=tags)
        began = perf_counter()
        await knowledge.recall(who, query, NOW)
        took.append(perf_counter() - began)
    return min(took) * 1e3


async def _one_by_one(knowledge: SqliteKnowledge, count: int = 500) -> float:
    """Entries a second, each a commit of its own."""
    some = entries(10_000_000, 10_000_000 + count)
    began = perf_counter()
    for one in some:
        await knowledge.remember(ADA, [one])
    return count / (perf_counter() - began)


def _bare(count: int, among: int = 1) -> float:
    """Milliseconds of the same search of a matrix by hand: of all rows, or of one in `among`."""
    rows = np.random.default_rng(1).standard_normal((count // among, WIDTH), np.float32)
    took: list[float] = []
    for n in range(ASKED):
        vector = rows[n]
        began = perf_counter()
        scores = rows @ vector
        best = np.argpartition(-scores, DEPTH)[:DEPTH]
        best[np.argsort(-scores[best])]
        took.append(perf_counter() - began)
    return min(took) * 1e3


def figures(effort: Effort) -> Iterator[Figure]:
    """Searches, writes and memory at each size, in a process of its own."""
    for size in SIZES:
        count = max(2 * BATCH, effort.of(size))
        found = child("bench.knowledge", "all", count)
        by_hand = "a matrix in NumPy, by hand"
        for by, what in (("meaning", "vectors"), ("words", "words"), ("both", "both, merged")):
            for tag, among in (("", "all"), ("/10", "1 of 10")):
                limit = found["bare10" if tag else "bare"] if by == "meaning" else None
                yield Figure(
                    what=f"search {count:,} by {what}, among {among}",
                    ours=found[by + tag],
                    unit="ms",
                    limit=limit,
                    of=by_hand if limit else "",
                    times=found[by + tag] / limit if limit else None,
                )
        yield Figure(what=f"first search of {count:,}, reading vectors", ours=found["first"], unit="ms")
        yield Figure(what=f"write {count:,} in batches, without embedding", ours=found["write"], unit="/s")
        yield Figure(what=f"write one by one into {count:,}, embedded by dice", ours=found["one"], unit="/s")
        yield Figure(what=f"memory of each of {count:,} entries", ours=found["kb"], unit="KB", limit=1.536,
                     of="384 numbers of 4 bytes", times=found["kb"] / 1.536)  # fmt: skip
        yield Figure(what=f"disk of each of {count:,} entries", ours=found["disk"], unit="KB")


if __name__ == "__main__":
    asyncio.run(_measured(int(sys.argv[2])))
