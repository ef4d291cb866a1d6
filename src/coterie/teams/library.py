"""A folder of documents as steps that a play can take: index it, search it, check an answer against it.

Every step takes and gives plain data and may be run twice without harm, so a run that is resumed on another
day, in another process, opens the folder again by its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from msgspec import Struct

from coterie.memory.citations import Citation, check, uncited, without_citations
from coterie.memory.claims import claims, sentences, support
from coterie.memory.embeddings import embedder
from coterie.memory.folder import read_folder
from coterie.memory.index import Index, index_path
from coterie.memory.passages import Passage
from coterie.tool import tool

NARROW = 3
"""Lines that a citation takes in when fewer do not say it."""
PASSAGES = 6
"""Passages whose sentences are looked at for one query."""

NEAR = 0.5
"""The share of the best sentence's likeness to a query that another one has to have."""


class Indexed(Struct, frozen=True):
    """What was indexed: files, passages, and what was skipped, each with the reason."""

    files: int
    passages: int
    skipped: tuple[str, ...] = ()


class Excerpt(Struct, frozen=True):
    """One sentence of a document, below which headings it stands, and the citation of its lines.

    `likeness` is the cosine of its meaning and the query's.
    """

    text: str
    under: str
    citation: str
    likeness: float


@tool(idempotent=True, timeout=3600.0)
def index(docs: str, beside: str) -> Indexed:
    """Index the folder `docs`, in a file next to `beside`; only what has changed is embedded."""
    folder = read_folder(docs)
    built = _index(docs, beside).build(folder)
    return Indexed(len(folder.documents), built.passages, tuple(map(str, folder.skipped)))


@tool(idempotent=True)
def search(docs: str, beside: str, query: str, limit: int = 8) -> list[Excerpt]:
    """The sentences of an indexed folder that come nearest to a query, the best first.

    The best passages are found by meaning and by words; their sentences are ranked by meaning.
    """
    lines = read_folder(docs).lines
    found = [
        (hit.passage, _plain(without_citations(said.text)))
        for hit in _index(docs, beside).search(query, PASSAGES)
        for said in sentences(hit.passage.text)
        if said.prose and claims(said, said.text)
    ]
    if not found:
        return []
    rows = embedder()([query, *(f"{_under(passage)}\n{text}" for passage, text in found)])
    likeness = [float(rows[0] @ row) for row in rows[1:]]
    least = NEAR * max(likeness)
    near = [at for at, like in enumerate(likeness) if like >= least]
    near.sort(key=lambda at: -likeness[at])
    excerpts = (_excerpt(*found[at], lines[found[at][0].file], likeness[at]) for at in near)
    return list(islice(filter(None, excerpts), limit))


@tool(idempotent=True)
def problems(docs: str, text: str) -> list[str]:
    """What is wrong with an answer: citations that do not hold, and claims that cite nothing."""
    lines = read_folder(docs).lines
    return [str(problem) for problem in (*check(text, lines), *uncited(text))]


def cited_by(text: str, citation: str) -> str:
    """A text as full sentences, each with `citation` behind it."""
    return " ".join(f"{_full(said.text)} {citation}" for said in sentences(" ".join(text.split())))


def _full(sentence: str) -> str:
    ended = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
    return ended[0].upper() + ended[1:]


def _excerpt(passage: Passage, text: str, lines: Sequence[str], likeness: float) -> Excerpt | None:
    """A sentence with the fewest lines that bear it out; None if none do."""
    windows = [
        (first, first + size)
        for size in range(NARROW)
        for first in range(passage.first, passage.last + 1 - size)
        if lines[first - 1].strip() and lines[first + size - 1].strip()
    ]
    whole = Citation(passage.file, passage.first, passage.last)
    best = max(windows, key=lambda at: (_share(text, lines[at[0] - 1 : at[1]]), at[0] - at[1]), default=None)
    narrow = whole if best is None else Citation(passage.file, *best)
    for citation in (narrow, whole):
        if not check(f"{text} {citation}", {passage.file: lines}):
            return Excerpt(text, _under(passage), str(citation), round(likeness, 4))
    return None


def _plain(text: str) -> str:
    """A sentence on one line; a row of a table as its cells one after the other."""
    cells = [cell.strip() for cell in text.strip().strip("|").split(" | ")]
    return ": ".join(cells) if text.lstrip().startswith("|") else " ".join(text.split())


def _under(passage: Passage) -> str:
    return " / ".join(passage.headings) or passage.file


def _share(text: str, lines: Sequence[str]) -> float:
    found = support(text, "\n".join(lines))
    return found.share - len(found.numbers)


@lru_cache(maxsize=8)
def _index(docs: str, beside: str) -> Index:
    """The index of a folder, opened once a process."""
    return Index(index_path(Path(docs), beside), embedder(), model=embedder().name)
