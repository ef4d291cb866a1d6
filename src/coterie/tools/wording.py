"""Text search as a tool: the passages of some texts that have to do with a question, the best first.

Passages are ranked by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009) over
words. For meaning beside words, `coterie.memory` has an index.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from coterie.errors import BadInput
from coterie.tool import Tool
from coterie.tools.root import Root

SATURATION, LENGTH = 1.2, 0.75
"""BM25's k1 and b."""
LARGEST = 2 << 20
MOST = 20
_WORD = re.compile(r"\w+")


class Found(Struct, frozen=True):
    """A passage, where it is, and how well it fits."""

    source: str
    line: int
    text: str
    score: float


def search_text(texts: Mapping[str, str] | str | os.PathLike[str]) -> Tool:
    """A tool `search_text` for some texts by name, or for the text files below a folder as they are now."""
    known = dict(texts) if isinstance(texts, Mapping) else _texts_in(texts)
    passages = [passage for name, text in known.items() for passage in _passages(name, text)]
    words = [Counter(_words(passage.text)) for passage in passages]
    often = Counter(word for each in words for word in each)

    def search_text(query: str, limit: int = 5) -> list[Found]:
        """Find the passages that have to do with some words, the best first, each with its source and line."""
        wanted = set(_words(query))
        scored = [
            _scored(passage, each, wanted, often, words)
            for passage, each in zip(passages, words, strict=True)
        ]
        best = sorted(
            (one for one in scored if one.score > 0), key=lambda one: (-one.score, one.source, one.line)
        )
        return best[: max(1, min(limit, MOST))]

    return Tool(search_text, idempotent=True, tags=["text", "read"])


def _texts_in(folder: str | os.PathLike[str]) -> dict[str, str]:
    root = Root(folder, largest=LARGEST)
    texts: dict[str, str] = {}
    for name, found in root.walk(""):
        data = root.read(name) if found.st_size <= LARGEST else b"\0"
        if b"\0" not in data[:8192]:
            texts[name] = data.decode(errors="replace")
    if not texts:
        raise BadInput(f"search_text: there are no text files in {str(folder)!r}")
    return texts


def _passages(name: str, text: str) -> list[Found]:
    """The paragraphs of a text, with the line that each begins at."""
    found: list[Found] = []
    begin = 1
    lines: list[str] = []
    for n, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            begin = begin if lines else n
            lines.append(line)
        elif lines:
            found.append(Found(name, begin, "\n".join(lines)[:2000], 0.0))
            lines = []
    return found


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _scored(
    passage: Found, words: Counter[str], wanted: set[str], often: Counter[str], every: list[Counter[str]]
) -> Found:
    long = (
        words.total() / (sum(each.total() for each in every) / len(every))
        if words and wanted & words.keys()
        else 1
    )
    score = 0.0
    for word in sorted(wanted & words.keys()):
        rare = math.log(1 + (len(every) - often[word] + 0.5) / (often[word] + 0.5))
        times = words[word]
        score += rare * times * (SATURATION + 1) / (times + SATURATION * (1 - LENGTH + LENGTH * long))
    return Found(passage.source, passage.line, passage.text, round(score, 4))
