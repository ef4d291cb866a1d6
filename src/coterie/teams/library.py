"""A folder of documents as steps that a play can take: index it, search it, check an answer against it.

Every step takes and gives plain data and may be run twice without harm, so a run that is resumed on another
day, in another process, opens the folder again by its path.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from coterie.memory.citations import Citation, check, uncited
from coterie.memory.claims import support
from coterie.memory.folder import read_folder
from coterie.memory.index import Index, index_path
from coterie.tool import tool

NARROW = 3
"""Lines that a citation takes in when fewer do not say it."""


class Indexed(Struct, frozen=True):
    """What was indexed: files, passages, and what was skipped, each with the reason."""

    files: int
    passages: int
    skipped: tuple[str, ...] = ()


class Found(Struct, frozen=True):
    """A passage that answers a query: where it stands, below which headings, and its lines."""

    file: str
    first: int
    last: int
    headings: tuple[str, ...]
    text: str


@tool(idempotent=True, timeout=3600.0)
def index(docs: str, beside: str) -> Indexed:
    """Index the folder `docs`, in a file next to `beside`; only what has changed is embedded."""
    folder = read_folder(docs)
    built = _index(docs, beside).build(folder)
    return Indexed(len(folder.documents), built.passages, tuple(map(str, folder.skipped)))


@tool(idempotent=True)
def search(docs: str, beside: str, query: str, limit: int = 3) -> list[Found]:
    """The passages of an indexed folder that answer a query best, by meaning and by words."""
    hits = _index(docs, beside).search(query, limit)
    return [
        Found(hit.passage.file, hit.passage.first, hit.passage.last, hit.passage.headings, hit.passage.text)
        for hit in hits
    ]


@tool(idempotent=True)
def problems(docs: str, text: str) -> list[str]:
    """What is wrong with an answer: citations that do not hold, and claims that cite nothing."""
    lines = read_folder(docs).lines
    return [str(problem) for problem in (*check(text, lines), *uncited(text))]


@tool(idempotent=True)
def cite(docs: str, fact: str, found: Found) -> str:
    """The citation of the fewest lines of a passage that bear a fact out best; empty if none do."""
    lines = read_folder(docs).lines[found.file]
    windows = [
        (first, first + size)
        for size in range(NARROW)
        for first in range(found.first, found.last + 1 - size)
        if lines[first - 1].strip() and lines[first + size - 1].strip()
    ]
    whole = Citation(found.file, found.first, found.last)
    best = max(windows, key=lambda at: (_share(fact, lines[at[0] - 1 : at[1]]), at[0] - at[1]), default=None)
    narrow = whole if best is None else Citation(found.file, *best)
    for citation in (narrow, whole):
        if not check(f"{fact} {citation}", {found.file: lines}):
            return str(citation)
    return ""


def _share(fact: str, lines: tuple[str, ...]) -> float:
    found = support(fact, "\n".join(lines))
    return found.share - len(found.numbers)


@lru_cache(maxsize=8)
def _index(docs: str, beside: str) -> Index:
    """The index of a folder, opened once a process."""
    from coterie.memory.embeddings import embedder

    return Index(index_path(Path(docs), beside), embedder(), model="all-MiniLM-L6-v2")
