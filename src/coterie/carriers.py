"""What the house asks of whoever carries talk between hosts: messages to groups of runs. Structural, as all ports."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


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
