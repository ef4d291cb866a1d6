"""An embedder that counts words by hash: the same everywhere, and no weights."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Hashing:
    """Texts as counts of their words, of unit length; knows how many texts it got."""

    name = "hashing"

    def __init__(self, dimensions: int = 64) -> None:
        self.texts = 0
        self._dimensions = dimensions

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        self.texts += len(texts)
        rows = np.full((len(texts), self._dimensions), 0.01, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[zlib.crc32(word.encode()) % self._dimensions] += 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
