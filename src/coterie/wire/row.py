"""Rows: what the writer and the reader of journals agree on."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from coterie.words.digest import plain
from coterie.words.message import Message
from coterie.words.usage import NOTHING, ONE_TOOL_CALL, Usage

FORMAT = 1
"""The version of the page format, the first element of every page."""
MESSAGE = 2
"""The MessagePack extension code of a message within an event."""
encoded = msgspec.msgpack.Encoder(enc_hook=plain).encode
decoded = msgspec.msgpack.Decoder().decode


def costing(message: Message, spent: Usage) -> Message:
    """A message that cost what its event did, as one that says nothing of it; and the other way round.

    Twice, it gives the message back: nothing and all of it stand for each other, and whatever else
    it cost stays.
    """
    if message.usage == spent:
        return message if spent is NOTHING else replace(message, usage=NOTHING)
    return replace(message, usage=spent) if message.usage == NOTHING else message


@lru_cache(maxsize=64)
def usage_of(*spent: Any) -> Usage:
    """What a row of `spent` says; most steps cost the same."""
    usage = Usage(*spent)
    return ONE_TOOL_CALL if usage == ONE_TOOL_CALL else usage


@lru_cache(maxsize=64)
def spent(usage: Usage) -> list[float]:
    """What a usage is in a row, which nobody may change."""
    row = [usage.input_tokens, usage.output_tokens, usage.requests, usage.tool_calls, usage.usd]
    cached = [usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_hits]
    if any(cached):
        return [*row, *cached]
    while row and not row[-1]:
        row.pop()
    return row
