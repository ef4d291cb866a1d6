"""A model around a model: each kind overrides one method, and streams as what it wraps does.

Wrappers stand in the world and not in a play: what one does within a call (waiting, trying again, asking
another model) is one journaled effect. They are plain models, so they wrap each other in any order;
`retried(gated(model))` waits outside of the gate, and so never holds a place while it sleeps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from coterie.ports import Model
from coterie.words.delta import AGAIN, Delta, Tell
from coterie.words.effect import Think
from coterie.words.message import Message

Ask: TypeAlias = Callable[[Model, Think], Awaitable[Message]]
"""Asks a model; asked once more, it takes back what was told of the answer before."""


class Wrapper:
    """A model that asks `model`; a kind of wrapper overrides `around` to say when, how often, and whom else."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """What a journal calls it: as what it wraps."""
        return name_of(self.model)

    async def __call__(self, think: Think, /) -> Message:
        """The answer of what is wrapped."""
        return await self.around(think, asked)

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The same, told piece by piece where the model that answers tells it."""
        return await self.around(think, _Telling(tell).ask)

    async def around(self, think: Think, ask: Ask) -> Message:
        """The answer to `think`, by way of `ask`."""
        return await ask(self.model, think)


async def asked(model: Model, think: Think) -> Message:
    """What a model says; a text becomes a message of the actor."""
    said: Any = await model(think)
    return Message(sender=think.actor, text=said) if isinstance(said, str) else said


class _Telling:
    """Tells the answers of one call, each in the place of the one before it."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told = False

    async def ask(self, model: Model, think: Think) -> Message:
        if self._told:
            self._tell(AGAIN)
            self._told = False
        streaming: Any = getattr(model, "stream", None)
        if streaming is None:
            return await asked(model, think)
        message: Message = await streaming(think, self._hear)
        return message

    def _hear(self, delta: Delta) -> None:
        self._told = delta is not AGAIN
        self._tell(delta)


def name_of(model: Model) -> str:
    """What a journal calls a model."""
    return str(getattr(model, "name", None) or getattr(model, "__name__", None) or type(model).__name__)
