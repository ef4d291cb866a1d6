"""Embeddings: the real weights, and the tokens they read."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.memory.embeddings import WIDTH, embedder, gelu
from coterie.memory.wordpiece import WordPiece

VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nhello\n,\nworld\n中\n##s\n[\n]\ncafe\n_\n$"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("unaffable", ["un", "##aff", "##able"]),
        ("Hello, worlds", ["hello", ",", "world", "##s"]),
        ("CAFÉ", ["cafe"]),
        ("中中", ["中", "中"]),
        ("hello\x00\u200b world\n", ["hello", "world"]),
        ("hello_world$", ["hello", "_", "world", "$"]),
        ("unx hello", ["[UNK]", "hello"]),
        ("a" * 101, ["[UNK]"]),
        ("", []),
    ],
)
def test_a_text_is_cut_as_bert_cuts_it(text: str, pieces: list[str]) -> None:
    """The longest pieces first, without case and accents, marks alone, and unknown words as a whole."""
    assert WordPiece(VOCABULARY).pieces(text) == pieces


def test_a_long_text_keeps_its_beginning_and_its_end_mark() -> None:
    """At most as many ids as are asked for, with the marks of beginning and end."""
    assert WordPiece(VOCABULARY).ids("hello " * 10, 5) == [2, 7, 7, 7, 3]


def test_gelu_is_the_gaussian_error_linear_unit() -> None:
    """Known values to six places."""
    x = np.array([-3, -1, -0.5, 0, 0.5, 1, 3], dtype=np.float32)
    known = [-0.00404951, -0.15865526, -0.15426877, 0.0, 0.34573123, 0.84134474, 2.9959507]
    assert np.allclose(gelu(x), known, atol=1e-6)


PAIRS = [
    ("How do I reset my password?", "I forgot my login credentials"),
    ("The ship sank in the storm", "A vessel went down in heavy weather"),
    ("Bake the bread for forty minutes", "Leave the loaf in the oven until it is brown"),
    ("The court dismissed the appeal", "Judges rejected the request to review the verdict"),
    ("Herons eat fish and frogs", "The diet of this bird is mostly small water animals"),
    ("The server runs out of memory", "The machine crashes because RAM is exhausted"),
]


def test_a_paraphrase_is_nearest_to_what_it_paraphrases() -> None:
    """Each of six sentences finds its paraphrase among the twelve others first."""
    texts = [text for pair in PAIRS for text in pair]
    rows = embedder()(texts)
    likeness = rows @ rows.T
    np.fill_diagonal(likeness, -1)
    assert likeness.argmax(1).tolist() == [at + 1 if at % 2 == 0 else at - 1 for at in range(len(texts))]


def test_rows_have_unit_length_and_do_not_depend_on_their_batch() -> None:
    """A text alone and among longer ones has the same row, of length 1."""
    texts = ["short", "a somewhat longer text " * 20, "", "x" * 5000]
    together = embedder()(texts)
    alone = np.concatenate([embedder()([text]) for text in texts])
    assert together.shape == (4, WIDTH)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together, alone, atol=1e-4)
    assert embedder()([]).shape == (0, WIDTH)
