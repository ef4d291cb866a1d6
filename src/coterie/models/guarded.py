"""A model behind a circuit breaker: one that keeps failing is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from coterie.errors import CircuitOpen, ModelFailed
from coterie.models.wrap import Ask, Wrapper
from coterie.patterns.breaker import Breaker
from coterie.ports import Model
from coterie.words.effect import Think
from coterie.words.message import Message


class Guarded(Wrapper):
    """A model that is not asked while its breaker is open."""

    def __init__(self, model: Model, breaker: Breaker, clock: Callable[[], float]) -> None:
        super().__init__(model)
        self.breaker = breaker
        self._clock = clock

    async def around(self, think: Think, ask: Ask) -> Message:
        if not await self.breaker.allows(self._clock()):
            times = self.breaker.failures
            raise CircuitOpen(f"{self.name!r} has failed {times} times in a row, and is left alone")
        try:
            message = await ask(self.model, think)
        except ModelFailed as error:  # a request that is refused is no sign of a provider in trouble
            await self.breaker.record(not error.retryable, self._clock())
            raise
        except Exception:  # whatever else it throws, it has failed
            await self.breaker.record(False, self._clock())
            raise
        await self.breaker.record(True, self._clock())
        return message


def guarded(
    model: Model, breaker: Breaker | None = None, *, clock: Callable[[], float] = time.monotonic
) -> Guarded:
    """`model` behind `breaker`, the same that patterns use; while it is open, a call is `CircuitOpen` at once."""
    return Guarded(model, breaker or Breaker(), clock)
