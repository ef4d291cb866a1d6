"""Actors as tools: a model calls one, and a frame opens."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from coterie.actor import Actor
from coterie.errors import RunError, ToolFailed
from coterie.kernel.frames import Call
from coterie.tool import Asks, Tool
from coterie.words.effect import Use
from coterie.words.grant import Grant, exactly
from coterie.words.message import Message
from coterie.words.task import Task


class ActorTool(Tool):
    """A tool whose call is a frame, so budgets, cancels and ancestry hold across it.

    The actor gets what the calling agent may use itself, and `edge` beside: patterns of a grant,
    which are noted as granted. No edge is wider than the grant that the caller was called with.
    """

    __slots__ = ("actor", "edge")

    def __init__(self, actor: Actor, edge: tuple[str, ...], **promises: Any) -> None:
        def ask(task: str) -> str:
            raise NotImplementedError(task)  # the call is a frame, and no function is ever called

        super().__init__(ask, trusted=True, **promises)
        self.actor = actor
        self.edge = edge

    @property
    def members(self) -> tuple[Any, ...]:
        return (self.actor,)

    def describe(self) -> Any:
        return list(self.edge)

    async def using(self, use: Use, tools: Iterable[str]) -> Message:
        """The message of the actor.

        Raises:
            ToolFailed: if it has none: the work below it failed, and its caller may go on without.
        """
        try:
            return await Call(
                self.actor, Task(use.arguments["task"]), _all_of(tuple(tools)).along(*self.edge)
            )
        except RunError as error:
            raise ToolFailed(f"{self.actor.name!r} failed: {error}") from error

    def told(self, value: Any) -> str:
        return str(value)


@lru_cache(maxsize=1024)
def _all_of(tools: tuple[str, ...]) -> Grant:
    """The grant of tools by name; an agent hands on the same one at every task."""
    return Grant(tuple(map(exactly, tools)))


def as_tool(
    actor: Actor,
    *,
    name: str = "",
    description: str = "",
    edge: tuple[str, ...] | list[str] = (),
    needs_approval: Asks = False,
    tags: tuple[str, ...] = (),
) -> ActorTool:
    """A tool that gives `actor` a task and answers with its message.

    `edge` declares what `actor` may use that the calling agent cannot, as patterns of a `Grant`.
    """
    said = description or getattr(actor, "instructions", "")
    about = f"Give {actor.name} a task: all it has to know, in words. {said}".strip()
    return ActorTool(
        actor,
        tuple(edge),
        name=name or actor.name,
        description=about,
        needs_approval=needs_approval,
        tags=tags,
    )
