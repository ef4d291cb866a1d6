"""Models in tiers: simple requests go to a small model, hard ones to a large one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from coterie.errors import BadInput
from coterie.models.wrap import Ask, Wrapper, name_of
from coterie.ports import Model
from coterie.words.effect import Think
from coterie.words.message import Message

_HARD = re.compile(
    r"\b(why|prove|derive|design|compare|analy[sz]e|plan|debug|refactor|optimi[sz]e|trade-?offs?|step by step)\b",
    re.IGNORECASE,
)


def complexity(think: Think) -> float:
    """How hard a request looks, from 0 (a short question) to 1 (a long task with many tools).

    It looks at how much there is to read, how many tools there are to choose from, whether the answer has
    a form, and whether the words ask for reasoning. The same request always looks the same, so a
    replay and a cache see the same choice.
    """
    letters = len(think.brief.instructions) + sum(len(message.text) for message in think.thread)
    asked = next((one.text for one in reversed(list(think.thread)) if not one.answers), "")
    return (
        0.4 * min(1.0, letters / 12_000)
        + 0.2 * min(1.0, len(think.brief.tools) / 10)
        + 0.1 * (think.brief.output is not None)
        + 0.3 * min(1.0, len(_HARD.findall(asked)) / 2)
    )


class Tiered(Wrapper):
    """A model that chooses which of several answers."""

    def __init__(self, tiers: Sequence[tuple[float, Model]], score: Callable[[Think], float]) -> None:
        super().__init__(tiers[0][1])
        self._tiers = tiers
        self._score = score

    @property
    def name(self) -> str:
        return "|".join(name_of(model) for _, model in self._tiers)

    def choose(self, think: Think) -> Model:
        """Who answers: the first whose tier reaches as high as the request is hard."""
        score = self._score(think)
        return next((model for top, model in self._tiers if score <= top), self._tiers[-1][1])

    async def around(self, think: Think, ask: Ask) -> Message:
        return await ask(self.choose(think), think)


def tiered(
    *models: Model,
    tiers: Sequence[float] | None = None,
    score: Callable[[Think], float] = complexity,
) -> Tiered:
    """The smallest of `models`, named from small to large, that suits a request.

    `score` says how hard it is, from 0 to 1; `tiers` is up to where each model but the last is good for,
    and divides that evenly unless it is given.

    Raises:
        BadInput: if there are not two models or more, or not one tier for each but the last, going up.
    """
    tops = [(n + 1) / len(models) for n in range(len(models) - 1)] if tiers is None else list(tiers)
    if len(models) < 2 or len(tops) != len(models) - 1 or tops != sorted(tops):
        raise BadInput("tiers: two models or more, and a rising limit for each but the last")
    return Tiered([*zip(tops, models[:-1], strict=True), (1.0, models[-1])], score)
