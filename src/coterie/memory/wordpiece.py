"""WordPiece: from text to the tokens of a vocabulary, as BERT's uncased models do it.

Words are lower-cased, stripped of accents and split at punctuation and between Chinese characters;
each is then cut greedily into the longest pieces that the vocabulary has (Wu et al., "Google's Neural
Machine Translation System", 2016, section 4.1).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

LONGEST_WORD = 100
"""Letters from which a word is unknown as a whole, as in the original."""


class WordPiece:
    """A vocabulary, one piece a line; its line numbers are the ids."""

    def __init__(self, vocabulary: str) -> None:
        self._ids = {piece: at for at, piece in enumerate(vocabulary.splitlines())}
        self._first, self._last = self._ids["[CLS]"], self._ids["[SEP]"]

    def ids(self, text: str, longest: int) -> list[int]:
        """The ids of a text between those of its beginning and its end, `longest` at the most."""
        found = [self._ids[piece] for piece in self.pieces(text)]
        return [self._first, *found[: longest - 2], self._last]

    def pieces(self, text: str) -> list[str]:
        """The pieces of a text; a word with letters that no piece has is `[UNK]`."""
        return [piece for word in _words(text) for piece in self._cut(word)]

    def _cut(self, word: str) -> list[str]:
        if len(word) > LONGEST_WORD:
            return ["[UNK]"]
        pieces: list[str] = []
        start = 0
        while start < len(word):
            piece = self._longest(word, start)
            if not piece:
                return ["[UNK]"]
            pieces.append(piece)
            start += len(piece) - 2 * (start > 0)
        return pieces

    def _longest(self, word: str, start: int) -> str:
        before = "##" if start else ""
        ends = range(len(word), start, -1)
        return next((piece for end in ends if (piece := before + word[start:end]) in self._ids), "")


def _words(text: str) -> Iterator[str]:
    """The words of a text, lower-cased and without accents; each mark is a word of its own."""
    word: list[str] = []
    for letter in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(letter)
        if kind == "Mn" or (kind in ("Cc", "Cf") and letter not in "\t\n\r"):
            continue
        alone = _is_mark(letter, kind) or _is_ideograph(letter)
        if alone or letter.isspace():
            if word:
                yield "".join(word)
                word = []
            if alone:
                yield letter
        else:
            word.append(letter)
    if word:
        yield "".join(word)


def _is_mark(letter: str, kind: str) -> bool:
    """Punctuation as BERT sees it: Unicode's, and every ASCII sign that is no letter or digit."""
    return kind.startswith("P") or (letter.isascii() and not letter.isalnum() and not letter.isspace())


def _is_ideograph(letter: str) -> bool:
    return (
        "\u4e00" <= letter <= "\u9fff"
        or "\u3400" <= letter <= "\u4dbf"
        or "\U00020000" <= letter <= "\U0002ebef"
    )
