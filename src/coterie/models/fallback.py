"""A chain of models: where one fails, the next is asked."""

from __future__ import annotations

from msgspec.structs import replace

from coterie.errors import BadInput, CircuitOpen, ModelFailed, failure_of
from coterie.models.wrap import Ask, Wrapper
from coterie.ports import Model
from coterie.words.effect import Think
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.usage import NOTHING, ONE_REQUEST


class Fallback(Wrapper):
    """A model, and those that stand in for it, in order."""

    def __init__(self, model: Model, others: tuple[Model, ...]) -> None:
        super().__init__(model)
        self.others = others

    async def around(self, think: Think, ask: Ask) -> Message:
        missing: list[Failure] = []
        spent = NOTHING
        for model in (self.model, *self.others):
            try:
                message = await ask(model, think)
            except (ModelFailed, CircuitOpen) as error:
                missing.append(failure_of(error))
                spent += error.usage
                if model is (self.model, *self.others)[-1]:
                    error.usage = spent
                    raise
            else:
                cost = message.usage if message.usage is not NOTHING else ONE_REQUEST
                return replace(message, usage=cost + spent, missing=(*missing, *message.missing))
        raise AssertionError("the last model answers or raises")


def fallback(model: Model, *others: Model) -> Fallback:
    """`model`, and where it fails the first of `others` that does not; `missing` says who failed, and why.

    The failure of the last is the failure of all. With `guarded(model)` at the front, a model in trouble
    is passed over at once.

    Raises:
        BadInput: without a second model.
    """
    if not others:
        raise BadInput("a fallback has two models or more")
    return Fallback(model, others)
