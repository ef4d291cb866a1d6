"""A world whose models and tools are called within the span of their step: what they ask elsewhere is below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar

from coterie.ports import Model, Observer, Tracer
from coterie.shell.world import World
from coterie.words.effect import Effect, Think, Use
from coterie.words.event import Settled


class Traced(World):
    """A world with spans. Of runs that nobody traces a plain one is made, so they pay nothing for it."""

    __slots__ = ("_tracer",)

    def __init__(self, tracer: Tracer, model: Model | str | None = None, **given: Any) -> None:
        super().__init__(model, **given)
        self._tracer = tracer

    async def _think_within(self, path: str, think: Think, run: str, doubt: float | None) -> Settled:
        with self._tracer.within(run, path):
            return await self._think(path, think, run, doubt)

    async def _use_within(self, path: str, use: Use, run: str, doubt: float | None) -> Settled:
        with self._tracer.within(run, path):
            return await self._use(path, use, run, doubt)

    performers: ClassVar[dict[type[Effect[Any]], Callable[..., Awaitable[Settled]]]] = {
        **World.performers,
        Think: _think_within,
        Use: _use_within,
    }


def world_for(observers: Iterable[Observer], model: Model | str | None = None, **given: Any) -> World:
    """A world for runs that `observers` look at: with spans, if one of them makes some."""
    for one in observers:
        if isinstance(one, Tracer):
            return Traced(one, model, **given)
    return World(model, **given)
