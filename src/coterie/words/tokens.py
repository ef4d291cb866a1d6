"""Tokens: how long a text is to a model, from above."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from coterie.words.digest import plain
from coterie.words.message import Message

Count: TypeAlias = Callable[[str], int]
"""How many tokens a text has, or at most has. Pure: the same text always gives the same number."""

FRAME = 8
"""Tokens that a message has beside what it says: whose it is, and where it begins and ends."""

_WORD = re.compile(rb" [A-Za-z][a-z]*|[A-Za-z][a-z]{3,}")


def tokens(text: str) -> int:
    """The tokens of `text`, from above: one a byte, but for words, in which three letters make one.

    Byte-level tokenizers never need more than a token a byte, and digits, signs and other scripts come near
    that; words come to four or five letters a token. Only letters without sense may need more.
    """
    return tokens_of(text.encode(errors="surrogatepass"))


def tokens_of(data: bytes) -> int:
    """The tokens of a text in UTF-8, from above: see `tokens`."""
    found = _WORD.findall(data)
    letters = sum(map(len, found))
    return len(data) - letters + (letters + len(found) + 2) // 3


def size_of(message: Message, count: Count = tokens) -> int:
    """The tokens of a message in a prompt: its text, the calls it makes, and whose it is."""
    size = count(message.text) + count(message.sender) + FRAME
    for call in message.calls:
        size += count(call.name) + count(shown(call.arguments)) + FRAME
    return size


def shown(value: Any) -> str:
    """A value as it stands in a prompt: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=plain).decode()
