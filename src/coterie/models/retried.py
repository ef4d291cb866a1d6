"""Trying again: what may go well the next time is asked again after a while, and each try is counted."""

from __future__ import annotations

import asyncio
import random as dice
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from coterie.errors import BadInput, ModelFailed
from coterie.models.wrap import Ask, Wrapper
from coterie.ports import Model
from coterie.words.effect import Think
from coterie.words.message import Message
from coterie.words.usage import NOTHING, ONE_REQUEST

TRIES = 6
"""Requests that are made of one call, unless it is said otherwise."""


class Retried(Wrapper):
    """A model that is asked again where a failure says that this may help."""

    def __init__(
        self,
        model: Model,
        *,
        tries: int = TRIES,
        delay: float = 1.0,
        most: float = 60.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = dice.random,
    ) -> None:
        super().__init__(model)
        if tries < 1 or min(delay, most) < 0:
            raise BadInput("a model is tried 1 time or more, after 0 seconds or more")
        self._tries, self._delay, self._most = tries, delay, most
        self._sleep, self._random = sleep, random

    async def around(self, think: Think, ask: Ask) -> Message:
        spent = NOTHING
        for n in range(self._tries):
            try:
                message = await ask(self.model, think)
            except ModelFailed as error:
                spent += error.usage if error.usage != NOTHING else ONE_REQUEST
                if not error.retryable or n == self._tries - 1:
                    error.usage = spent
                    raise
                await self._sleep(self._pause(n, error.retry_after))
            else:
                cost = message.usage if message.usage is not NOTHING else ONE_REQUEST
                return replace(message, usage=cost + spent)
        raise AssertionError("the last try returns or raises")

    def _pause(self, n: int, asked: float) -> float:
        """Seconds before the next try: as long as was asked and up to a tenth more, or drawn ("full jitter")."""
        if asked:
            return asked * (1 + self._random() / 10)
        return self._random() * min(self._most, self._delay * 2.0**n)


def retried(
    model: Model,
    *,
    tries: int = TRIES,
    delay: float = 1.0,
    most: float = 60.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Callable[[], float] = dice.random,
) -> Retried:
    """`model`, asked up to `tries` times: after a failure that is retryable, and never after any other.

    Between tries are the seconds that the provider asked for; otherwise up to `delay`, twice that, four times that
    ... and at most `most`, drawn evenly from zero (Brooker, "Exponential Backoff And Jitter", AWS Architecture
    Blog, 2015). The usage of every try is in that of the answer, or of the failure.
    """
    return Retried(model, tries=tries, delay=delay, most=most, sleep=sleep, random=random)
