"""BM25 over an inverted index in memory (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009)."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import log

K1, B = 1.2, 0.75
"""The constants that SQLite's FTS5 uses, too."""
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text, without case and without a plural's s."""
    return [word.removesuffix("s") if len(word) > 3 else word for word in _WORD.findall(text.casefold())]


class Postings:
    """Which texts have which words, and how often."""

    def __init__(self) -> None:
        self._having: dict[str, dict[int, int]] = {}
        self._lengths: dict[int, int] = {}

    def add(self, id: int, text: str) -> None:
        """Take a text."""
        said = words(text)
        self._lengths[id] = len(said)
        for word in said:
            having = self._having.setdefault(word, {})
            having[id] = having.get(id, 0) + 1

    def drop(self, id: int, text: str) -> None:
        """Forget a text."""
        self._lengths.pop(id, None)
        for word in set(words(text)):
            having = self._having.get(word, {})
            having.pop(id, None)
            if not having:
                self._having.pop(word, None)

    def ranked(self, text: str, passes: Callable[[int], bool], depth: int) -> list[int]:
        """The texts that have any word of `text` and pass, the best first, of equals the newest."""
        many = len(self._lengths)
        average = sum(self._lengths.values()) / many if many else 1.0
        scores: dict[int, float] = {}
        for word in dict.fromkeys(words(text)):
            having = self._having.get(word, {})
            rarity = log(1 + (many - len(having) + 0.5) / (len(having) + 0.5))
            for id, times in having.items():
                if id in scores or passes(id):
                    norm = K1 * (1 - B + B * self._lengths[id] / average)
                    scores[id] = scores.get(id, 0.0) + rarity * times * (K1 + 1) / (times + norm)
        return sorted(scores, key=lambda one: (-scores[one], -one))[:depth]
