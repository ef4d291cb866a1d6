"""What is remembered: searches of 10,000 and 100,000 entries, writes, and the memory they take."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np

from bench.figures import Figure
from bench.fresh import child, memory, tell
from bench.race import Effort, Lap
from coterie.memory import SqliteKnowledge
from coterie.memory.index import DEPTH
from coterie.words.memory import By, Query, Remembered
from coterie.words.principal import Principal

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, OWNERS, WORDS, ASKED, BATCH = 384, 10, 5_000, 30, 1_000
SIZES = (10_000, 100_000)
ADA = Principal("ada0")
EVERYONE = Principal("reader")
NOW = 1_700_000_000.0


class Dice:
    """An embedder that takes no time: a random direction for each text, made when it is first seen."""

    name = "dice"

    def __init__(self) -> None:
        self._seen: dict[str, NDArray[np.float32]] = {}
        self._dice = np.random.default_rng(1)

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """A row of unit length a text."""
        new = [text for text in texts if text not in self._seen]
        if new:
            rows = self._dice.standard_normal((len(new), WIDTH), np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            self._seen.update(zip(new, rows, strict=True))
        return np.stack([self._seen[text] for text in texts])

    def forget(self) -> None:
        """Begin anew, so that what was seen takes no memory."""
        self._seen.clear()


def entries(first: int, last: int) -> list[Remembered]:
    """Entries of about twelve words, of which a few are common, as in a language (Zipf's law)."""
    dice = np.random.default_rng(first)
    ranks = np.minimum(dice.zipf(1.3, (last - first, 12)), WORDS)
    return [
        Remembered(
            text=" ".join(f"word{rank}" for rank in row),
            key=f"k{n}",
            source="bench",
            shared=("*",),
            tags=(f"tag{n % 10}",),
            time=NOW - n,
        )
        for n, row in enumerate(ranks, first)
    ]


async def _measured(count: int) -> None:
    """Fill a file, an owner after the other, then search it as one of ten owners."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory.db"
        dice = Dice()
        knowledge = SqliteKnowledge(path, dice)
        writing = await _filled(knowledge, dice, count)
        size, empty = path.stat().st_size, memory()
        began, cpu = perf_counter(), process_time()
        await knowledge.recall(ADA, Query(text="word1", by="meaning"), NOW)
        figures = {
            "write": count / writing.wall,
            "write cpu": count / writing.cpu,
            "first": (perf_counter() - began) * 1e3,
            "first cpu": (process_time() - cpu) * 1e3,
            "kb": (memory() - empty) * 1e3 / count,
            "disk": size / count / 1e3,
        }
        for by in ("meaning", "words", "both"):
            for key, tags in ((by, ()), (f"{by}/10", ("tag1",))):
                lap = await _searched(knowledge, EVERYONE, by=by, tags=tags)
                figures |= {key: lap.wall, f"{key} cpu": lap.cpu}
        lap = await _one_by_one(knowledge)
        figures |= {"one": lap.wall, "one cpu": lap.cpu}
        await knowledge.close()
        tell(**figures, bare=_bare(count), bare10=_bare(count, OWNERS))


async def _filled(knowledge: SqliteKnowledge, dice: Dice, count: int) -> Lap:
    """What writing takes in batches of an owner each; embedding is done before."""
    wall = cpu = 0.0
    for first in range(0, count, BATCH):
        batch = entries(first, min(count, first + BATCH))
        dice([one.text for one in batch])
        began, used = perf_counter(), process_time()
        await knowledge.remember(Principal(f"ada{first // BATCH % OWNERS}"), batch)
        wall, cpu = wall + perf_counter() - began, cpu + process_time() - used
        dice.forget()
    return Lap(wall, cpu)


async def _searched(knowledge: SqliteKnowledge, who: Principal, *, by: By, tags: tuple[str, ...] = ()) -> Lap:
    """Milliseconds of a search: the best of many, as everywhere here."""
    took: list[Lap] = []
    for n in range(ASKED):
        query = Query(text=f"word{n + 2} word{7 * n + 50} word{11 * n + 300}", by=by, tags=tags)
        began, cpu = perf_counter(), process_time()
        await knowledge.recall(who, query, NOW)
        took.append(Lap((perf_counter() - began) * 1e3, (process_time() - cpu) * 1e3))
    return Lap(min(lap.wall for lap in took), min(lap.cpu for lap in took))


async def _one_by_one(knowledge: SqliteKnowledge, count: int = 500) -> Lap:
    """Entries a second, each a commit of its own."""
    some = entries(10_000_000, 10_000_000 + count)
    began, cpu = perf_counter(), process_time()
    for one in some:
        await knowledge.remember(ADA, [one])
    return Lap(count / (perf_counter() - began), count / (process_time() - cpu))


def _bare(count: int, among: int = 1) -> float:
    """Milliseconds of the same search of a matrix by hand: of all rows, or of one in `among`."""
    rows = np.random.default_rng(1).standard_normal((count // among, WIDTH), np.float32)
    took: list[float] = []
    for n in range(ASKED):
        vector = rows[n]
        began = process_time()
        scores = rows @ vector
        best = np.argpartition(-scores, DEPTH)[:DEPTH]
        best[np.argsort(-scores[best])]
        took.append(process_time() - began)
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
                    cpu=found[f"{by}{tag} cpu"],
                    limit=limit,
                    of=by_hand if limit else "",
                    times=found[f"{by}{tag} cpu"] / limit if limit else None,
                )
        for key, what, unit in (
            ("first", f"first search of {count:,}, reading vectors", "ms"),
            ("write", f"write {count:,} in batches, without embedding", "/s"),
            ("one", f"write one by one into {count:,}, a commit each", "/s"),
        ):
            yield Figure(what=what, ours=found[key], cpu=found[f"{key} cpu"], unit=unit)
        yield Figure(what=f"memory of each of {count:,} entries", ours=found["kb"], unit="KB", limit=1.536,
                     of="384 numbers of 4 bytes", times=found["kb"] / 1.536)  # fmt: skip
        yield Figure(what=f"disk of each of {count:,} entries", ours=found["disk"], unit="KB")


if __name__ == "__main__":
    asyncio.run(_measured(int(sys.argv[2])))
