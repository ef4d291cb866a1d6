"""What the house asks of whoever carries talk between hosts: messages to groups of runs, and live words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

from coterie.words.delta import News


class Told(Protocol):
    """A message that one member of a group was given, until it is said what became of it."""

    @property
    def said(self) -> Any:
        """What was told."""
        ...

    async def done(self) -> None:
        """Say that it is in the journal of the member, so that nobody else is given it."""
        ...

    async def again(self) -> None:
        """Have another member be given it, at once."""
        ...


class Groups(Protocol):
    """Messages for groups of runs of one tenant: each is given to one member, and then to another until one has it.

    A message is kept until a member has it, whether or not there is any when it is told. It is given twice if a member
    dies after it has journaled the message and before it could say so; one that says nothing for long counts as dead.
    Members are given what has waited longest. Its promises are `coterie.testing.GroupPromises`.
    """

    async def tell(self, group: str, topic: str, said: Any, key: str) -> None:
        """Keep a message, in JSON shape, for a member of a group; durable when this returns.

        The same `key` again, soon after, is the same message.

        Raises:
            EngineUnavailable, StoreError: if it cannot be kept.
        """
        ...

    async def take(self, group: str, topic: str) -> Told:
        """The next message of a group on a topic, as soon as there is one."""
        ...

    async def close(self) -> None:
        """Let go of every resource; what was given and is not done is given to others."""
        ...


@runtime_checkable
class Grouping(Protocol):
    """A store that keeps what groups of runs are told."""

    @property
    def groups(self) -> Groups:
        """Its groups, which every process that uses the store shares."""
        ...


@runtime_checkable
class Carrying(Protocol):
    """An engine that carries what groups of runs are told."""

    def groups_of(self, tenant: str) -> Groups:
        """The groups of a tenant, which every host of the cluster shares."""
        ...


class Live(Protocol):
    """What is said in runs, carried to whoever watches them on other hosts. What is not heard at once is lost."""

    def listen(
        self, tenant: str, run: str, take: Callable[[News], None]
    ) -> AbstractAsyncContextManager[None]:
        """Have `take` called with what is told of a run, while this is open; that it is watched is known meanwhile."""
        ...

    async def attend(self, wanted: Callable[[str, str, bool], Awaitable[None]]) -> None:
        """Have `wanted` called, again and again, with each run that is watched somewhere.

        It is given the run's tenant, its name, and whether the watcher has been told nothing yet.
        """
        ...

    async def tell(self, tenant: str, run: str, news: News) -> None:
        """Tell those who watch a run."""
        ...


@runtime_checkable
class Airing(Protocol):
    """An engine that carries what is said in runs."""

    @property
    def live(self) -> Live:
        """What is said in the runs of its cluster."""
        ...
