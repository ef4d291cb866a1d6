"""What a model says while it says it: shown, never journaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

Kind: TypeAlias = Literal["text", "thinking", "call"]
"""What a part of an answer is: its text, the thoughts before it, or the arguments of a tool call."""


class Delta(Struct, frozen=True):
    """The next piece of one part of an answer; `tool` is whom a `call` part calls.

    Parts are numbered as they begin. `AGAIN` says that all of it is taken back.
    """

    text: str
    kind: Kind = "text"
    part: int = 0
    tool: str = ""


AGAIN = Delta("", part=-1)
"""What was told of this answer no longer counts: it is being asked for once more."""

Tell: TypeAlias = Callable[[Delta], None]
"""Takes the pieces of one answer as they come; returns at once."""


class Piece(Struct, frozen=True, tag="piece"):
    """Text of the model call at `path`, from its letter `offset` on, that a watcher has not been shown.

    Letters are counted for each `part`. What an earlier `attempt` said is retracted before the
    first piece of the next one.
    """

    path: str
    attempt: int
    offset: int
    text: str
    kind: Kind = "text"
    part: int = 0
    tool: str = ""


class Retracted(Struct, frozen=True, tag="retracted"):
    """What was shown of this attempt at `path` no longer counts: it failed, was stopped, or is asked again."""

    path: str
    attempt: int


class Missed(Struct, frozen=True, tag="missed"):
    """A watcher was so slow that the last `letters` at `path` are not kept any more; the message has them."""

    path: str
    letters: int


Shown: TypeAlias = Piece | Retracted | Missed
"""What a watcher is shown between the events of a journal."""


class News(Struct, frozen=True, array_like=True):
    """What whoever performs a run tells those who watch it elsewhere: its newest record's number, and what is said."""

    seq: int
    shown: tuple[Shown, ...] = ()
