"""Pushes: the push notification configs of clients, kept where the service keeps its keys.

What is to be told is not kept here: it follows from the journals. Of each config there is how far it was told, and
which courier tells it now, so that of several replicas one does.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

from a2a.types import a2a_pb2 as pb
from msgspec import Struct

from coterie.doors.http.rows import Rows, Table

Name: TypeAlias = tuple[str, str, str]
"""Of a config: the tenant, the task, and its own id."""
PUSHES = Table(
    "pushes",
    """
    tenant  text not null,
    task    text not null,
    id      text not null,
    body    {bytes} not null,
    seq     bigint not null,
    known   text not null,
    since   {float},
    problem text not null,
    over    integer not null,
    courier text not null,
    until   {float} not null,
    primary key (tenant, task, id)
    """,
)
KEEP = """
insert into pushes values (?, ?, ?, ?, ?, ?, null, '', 0, ?, ?) on conflict (tenant, task, id) do update set
body = excluded.body, seq = excluded.seq, known = excluded.known, since = null, problem = '', over = 0,
courier = excluded.courier, until = excluded.until
"""
HELD = """
update pushes set courier = ?, until = ? where over = 0 and (courier = ? or until < ?) returning tenant, task, id
"""


class Push(Struct, frozen=True, kw_only=True):
    """A client's wish to be told of a task: where, and how far it was told.

    `seq` and `known` are the event and the state that it was told of last. `since` is since when it cannot be told of
    the next, and `problem` why; `over` says that there is no more to tell, or that it was given up.
    """

    tenant: str
    config: pb.TaskPushNotificationConfig
    seq: int
    known: str = ""
    since: float | None = None
    problem: str = ""
    over: bool = False

    @property
    def name(self) -> Name:
        """What it is called by."""
        return (self.tenant, self.config.task_id, self.config.id)


class Pushes:
    """The pushes of all tenants."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def keep(self, push: Push, courier: str, until: float) -> None:
        """Keep a push, in the place of the one of that name, for a courier to tell; it is durable when this returns."""
        body = push.config.SerializeToString()
        await self._told(KEEP, *push.name, body, push.seq, push.known, courier, until)

    async def of(self, tenant: str, task: str) -> list[Push]:
        """Those of a task, by their ids."""
        return await self._found("tenant = ? and task = ? order by id", tenant, task)

    async def one(self, name: Name) -> Push | None:
        """The push of that name."""
        found = await self._found("tenant = ? and task = ? and id = ?", *name)
        return found[0] if found else None

    async def held(self, courier: str, now: float, until: float) -> list[Name]:
        """Those of which there may be more to tell and which a courier tells `until` a time: its own, and nobody's."""
        return [
            (tenant, task, id) for tenant, task, id in await self._told(HELD, courier, until, courier, now)
        ]

    async def let_go(self, courier: str) -> None:
        """Have others tell what a courier tells."""
        await self._told("update pushes set until = 0 where courier = ?", courier)

    async def ended(self) -> list[Push]:
        """Those of which there is no more to tell."""
        return await self._found("over = 1 order by tenant, task, id")

    async def told(self, name: Name, seq: int, known: str) -> None:
        """A client was told of the state that the event numbered `seq` has led to."""
        await self._set(name, "seq = ?, known = ?, since = null, problem = ''", seq, known)

    async def failed(self, name: Name, problem: str, now: float) -> None:
        """A client could not be told; `since` is when that was so first."""
        await self._set(name, "problem = ?, since = coalesce(since, ?)", problem, now)

    async def over(self, name: Name) -> None:
        """There is no more to tell, or nobody to tell it."""
        await self._set(name, "over = 1")

    async def drop(self, name: Name) -> None:
        """Forget a push."""
        await self._told("delete from pushes where tenant = ? and task = ? and id = ?", *name)

    def close(self) -> None:
        """Let go of where they are."""
        self._rows.close()

    async def _found(self, where: str, *values: str) -> list[Push]:
        wanted = "tenant, body, seq, known, since, problem, over"
        rows = await self._told(f"select {wanted} from pushes where {where}", *values)  # noqa: S608 - constants
        return [
            Push(
                tenant=tenant,
                config=pb.TaskPushNotificationConfig.FromString(body),
                seq=seq,
                known=known,
                since=since,
                problem=problem,
                over=bool(over),
            )
            for tenant, body, seq, known, since, problem, over in rows
        ]

    async def _set(self, name: Name, what: str, *values: object) -> None:
        where = "tenant = ? and task = ? and id = ?"
        await self._told(f"update pushes set {what} where {where}", *values, *name)  # noqa: S608 - constants

    async def _told(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        rows, _ = await asyncio.to_thread(self._rows.told, query, *values)
        return rows
