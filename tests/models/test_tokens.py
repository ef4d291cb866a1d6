"""The count from above, beside the embedded model's own tokenizer."""

import base64
import json
import random
from pathlib import Path

import pytest

from coterie import Agent, Message, Task
from coterie.context import Whole
from coterie.models.embedded import embedded
from coterie.testing import rehearse
from coterie.words.thread import Thread
from coterie.words.tokens import tokens

pytestmark = pytest.mark.weights

ROOT = Path(__file__).parents[2]
DIE = random.Random(1)
TEXTS = {
    "prose": (ROOT / "README.md").read_text()[:4_000],
    "code": (ROOT / "src/coterie/window.py").read_text()[:4_000],
    "json": json.dumps([{"id": n, "price": n * 3.17, "name": f"item {n}"} for n in range(80)]),
    "log": "\n".join(
        f"2026-11-29T18:{n:02d}:07.123Z INFO [w-{n}] run=9f8a{n}c done in {n * 7} ms" for n in range(50)
    ),
    "digits": "".join(DIE.choice("0123456789") for _ in range(2_000)),
    "base64": base64.b64encode(DIE.randbytes(2_000)).decode(),
    "hex": DIE.randbytes(1_500).hex(),
    "chinese": "我们需要一个能够在崩溃之后继续运行的系统。" * 50,
    "emoji": "🙂🚀✨" * 200,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_p16_the_count_is_from_above(text):
    """Of prose, code, data, logs and other scripts, it says no less than the model's own tokenizer."""
    assert tokens(text) >= embedded().count(text)


def test_p16_the_models_own_tokenizer_can_count():
    """A budget counted by it holds by it."""
    model = embedded()
    thread = Thread([Message(sender="b", text=f"{n} {TEXTS['log'][:300]}") for n in range(90)])
    _, asked = rehearse(
        Agent("ann", context=Whole(budget=3_000, count=model.count)), Task("now", thread), "ok"
    )
    assert 1_000 < model.count("\n".join(said.text for said in asked[0].thread)) <= 3_000
