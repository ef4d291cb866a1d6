"""What answers: models, and what places texts in a vector space."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from coterie.words.effect import Think
from coterie.words.message import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@runtime_checkable
class Model(Protocol):
    """Something that can continue a thread: any async function from a `Think` to a message.

    The message's `usage` says what it cost; `calls` are the tools it wants used. Whatever it
    raises becomes a journaled failure of that one step. A model that also has `stream(think, tell)`, which
    gives the same message and calls `tell` with each `Delta` of it, is shown while it answers.
    """

    def __call__(self, think: Think, /) -> Awaitable[Message]: ...


DROPPED = "dropped"
"""What work is cancelled with that nobody will go on with: whoever has begun something elsewhere stops it there.
Work that is cancelled without it is gone on with later, here or by another process."""


class Embedder(Protocol):
    """Something that places texts in a vector space, a row of unit length a text."""

    def __call__(self, texts: Sequence[str], /) -> NDArray[np.float32]: ...
