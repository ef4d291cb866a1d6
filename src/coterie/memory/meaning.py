"""Meaning: texts as vectors, by an embedder; or not at all where there is none, which is said."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from coterie.errors import BadInput, MissingExtra, ModelFailed
from coterie.memory.passages import LONGEST
from coterie.ports import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Embedding: TypeAlias = "Embedder | Literal['auto'] | None"
"""What makes vectors: the embedded model where NumPy is installed (`auto`), another, or nothing."""
BATCH = 256
"""Texts that are embedded at once."""


class Meaning:
    """Vectors of texts. `maker` names what makes them and is empty where nothing does: then words are all there is."""

    def __init__(self, embed: Embedding = "auto", name: str = "") -> None:
        if embed == "auto":
            self._auto = True
            self._embed, self.maker = _embedded()
        else:
            self._auto = False
            self._embed = embed
            self.maker = "" if embed is None else name or str(getattr(embed, "name", type(embed).__name__))

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        """A row of finite numbers a text; None where nothing makes any.

        The embedded model is given up with a warning where its weights cannot be had.

        Raises:
            BadInput: if the embedder gives something else.
        """
        if self._embed is None:
            return None
        import numpy as np

        try:
            rows = np.asarray(self._embed(texts), dtype="<f4")
        except (MissingExtra, ModelFailed) as error:
            if not self._auto:
                raise
            warnings.warn(f"memory is searched by words only: {error}", RuntimeWarning, stacklevel=2)
            self._embed, self.maker = None, ""
            return None
        if rows.ndim != 2 or len(rows) != len(texts) or not np.isfinite(rows).all():
            raise BadInput(
                f"the embedder {self.maker!r} gave {rows.shape} for {len(texts)} texts: "
                "it has to give one row of finite numbers a text"
            )
        return rows

    def of(self, texts: Sequence[str]) -> list[list[bytes]]:
        """The vectors of each text as bytes, one for each piece of it; none where nothing makes any."""
        split = [pieces(text) for text in texts]
        flat = [piece for parts in split for piece in parts]
        rows: list[bytes] = []
        for start in range(0, len(flat), BATCH):
            made = self.vectors(flat[start : start + BATCH])
            if made is None:
                return [[] for _ in texts]
            rows += [row.tobytes() for row in made]
        rest = iter(rows)
        return [[next(rest) for _ in parts] for parts in split]


def pieces(text: str) -> list[str]:
    """A text in pieces that an embedder reads whole: what fits is one piece."""
    words = text.split()
    if len(words) <= LONGEST:
        return [text]
    return [" ".join(words[at : at + LONGEST]) for at in range(0, len(words), LONGEST)]


def _embedded() -> tuple[Embedder | None, str]:
    if importlib.util.find_spec("numpy") is None:
        return None, ""
    from coterie.memory.embeddings import embedder

    made = embedder()
    return made, made.name
