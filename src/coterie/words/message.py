"""What actors say to each other."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from coterie.words.digest import INLINE, digest, encode, mention
from coterie.words.failure import Failure
from coterie.words.usage import NOTHING, Usage


class ToolCall(Struct, frozen=True):
    """A model's wish to use a tool: an id of its own, the tool's name, JSON arguments."""

    id: str
    name: str
    arguments: dict[str, Any]


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing said by one actor.

    `sender` is the actor's name, or `"user"`. `answers` is the id of the tool call that
    this message answers. `output` is the typed value behind `text`, where there is one.
    `parts` is what each member of a team said, in declared order; `missing` is who did not
    answer, and why. `unverified` says why a done-when did not hold; empty means that it
    held or that there was none.
    """

    sender: str
    text: str = ""
    output: Any = None
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""
    usage: Usage = NOTHING
    parts: tuple[Message, ...] = ()
    missing: tuple[Failure, ...] = ()
    unverified: str = ""

    def __str__(self) -> str:
        return self.text


def content(message: Message) -> bytes:
    """The bytes that name a message: what was said, without what it cost or who else spoke.

    A long text is in them by its digest, so whoever repeats it repeats 32 bytes.
    """
    text: Any = message.text
    if len(text) > INLINE:
        text = mention(encode(text))
    return encode((message.sender, text, message.output, message.calls, message.answers))


def content_digest(message: Message) -> bytes:
    """The name of what was said."""
    return digest(content(message))
