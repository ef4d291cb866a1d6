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


class File(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture, a recording or a document in a message: its bytes, or the address where it lies.

    `media` is its media type, such as `image/png` or `application/pdf` (RFC 6838). A journal keeps the
    bytes once, by their digest, however often the file is shown.
    """

    media: str
    data: bytes = b""
    url: str = ""
    name: str = ""


class Thought(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model thought before it answered, kept as its provider gave it.

    `proof` is the signature or the sealed form by which `provider` knows its own thought again; only
    with one is it ever shown to a model, and only to one of that provider. `id` is the provider's own.
    """

    text: str = ""
    proof: str = ""
    provider: str = ""
    id: str = ""


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing said by one actor.

    `sender` is the actor's name, or `"user"`. `answers` is the id of the tool call that
    this message answers. `output` is the typed value behind `text`, where there is one.
    `parts` is what each member of a team said, in declared order; `missing` is who did not
    answer, and why. `taint` says where the words came from that it was made of, as far as
    somebody wrote them who is no member (see `kernel/taint.py`). `unverified` says why a done-when
    did not hold; empty means that it held or that there was none. `files` are shown with the text;
    `thoughts` came before it.
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
    files: tuple[File, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    taint: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def content(message: Message) -> bytes:
    """The bytes that name a message: what was said, without what it cost or who else spoke.

    A long text or file is in them by its digest, so whoever repeats it repeats 32 bytes.
    """
    text: Any = message.text
    if len(text) > INLINE:
        text = mention(encode(text))
    if message.files or message.thoughts:
        return _with_files(message, text)
    return encode((message.sender, text, message.output, message.calls, message.answers))


def _with_files(message: Message, text: Any) -> bytes:
    said = (message.sender, text, message.output, message.calls, message.answers)
    files = [(file.media, _named(file.data), file.url, file.name) for file in message.files]
    return encode((*said, files, message.thoughts))


def _named(data: bytes) -> Any:
    return mention(encode(data)) if len(data) > INLINE else data


def content_digest(message: Message) -> bytes:
    """The name of what was said."""
    return digest(content(message))
