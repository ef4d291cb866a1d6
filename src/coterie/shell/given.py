"""Given: what a run was given as a member of groups, from when it has it until its journal does.

What is in the journal is said to be done. What nobody in the run waits for any more, and what the run leaves memory
with, another member is given.
"""

from __future__ import annotations

from collections.abc import Iterable

from coterie.carriers import Carrying, Grouping, Groups, Told
from coterie.errors import BadInput
from coterie.ports import Engine, Store
from coterie.words.event import Event, Settled


class Given:
    """The messages of one run that are on their way into its journal, by the step that waits for each."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}
        self._unheard: list[Told] = []

    def __bool__(self) -> bool:
        return bool(self._told or self._unheard)

    def keep(self, path: str, told: Told) -> None:
        """Have a message for the step at `path`."""
        self._told[path] = told

    def unheard(self, path: str) -> None:
        """Take note that nobody waits at `path` any more."""
        if (told := self._told.pop(path, None)) is not None:
            self._unheard.append(told)

    async def journaled(self, events: Iterable[Event]) -> None:
        """Say what became of the messages that the journal has now."""
        for event in events:
            if type(event) is Settled and (told := self._told.pop(event.path, None)) is not None:
                await told.done()
        while self._unheard:
            await self._unheard.pop().again()

    async def leave(self) -> None:
        """Have others be given what the journal has not."""
        left = [*self._told.values(), *self._unheard]
        self._told, self._unheard = {}, []
        for told in left:
            await told.again()


def groups_of(engine: Engine | None, store: Store, tenant: str) -> Groups:
    """Who carries what groups are told: the engine, if it does, or else the store.

    Raises:
        BadInput: if neither does.
    """
    if isinstance(engine, Carrying):
        return engine.groups_of(tenant)
    if isinstance(store, Grouping):
        return store.groups
    whom = "nobody" if engine is None else type(engine).__name__
    raise BadInput(
        f"{type(store).__name__} keeps nothing for groups, and {whom} carries it: "
        "use --engine nats://..., SQLite or PostgreSQL"
    )
