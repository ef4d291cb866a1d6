"""Pushes: the push notification configs of clients, in one SQLite file of the service.

What is to be told is not kept here: it follows from the journals. Of each config there is how far it was told.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TypeAlias

from a2a.types import a2a_pb2 as pb
from msgspec import Struct

Name: TypeAlias = tuple[str, str, str]
"""Of a config: the tenant, the task, and its own id."""
SCHEMA = """
create table if not exists pushes (
    tenant  text not null,
    task    text not null,
    id      text not null,
    body    blob not null,
    seq     integer not null,
    known   text not null,
    since   real,
    problem text not null,
    over    integer not null,
    primary key (tenant, task, id)
) strict
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
    """The pushes of all tenants; the file is nobody else's to read, because tokens of clients are in it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute(SCHEMA)

    def keep(self, push: Push) -> None:
        """Keep a push, in the place of the one of that name; it is on the disk when this returns."""
        row = (*push.name, push.config.SerializeToString(), push.seq, push.known, None, "", False)
        self._db.execute("insert or replace into pushes values (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def of(self, tenant: str, task: str) -> list[Push]:
        """Those of a task, by their ids."""
        return self._found("tenant = ? and task = ? order by id", (tenant, task))

    def one(self, name: Name) -> Push | None:
        """The push of that name."""
        found = self._found("tenant = ? and task = ? and id = ?", name)
        return found[0] if found else None

    def open(self) -> list[Push]:
        """Those of which there may be more to tell."""
        return self._found("not over order by tenant, task, id", ())

    def ended(self) -> list[Push]:
        """Those of which there is no more to tell."""
        return self._found("over order by tenant, task, id", ())

    def told(self, name: Name, seq: int, known: str) -> None:
        """A client was told of the state that the event numbered `seq` has led to."""
        self._set("seq = ?, known = ?, since = null, problem = ''", (seq, known), name)

    def failed(self, name: Name, problem: str, now: float) -> None:
        """A client could not be told; `since` is when that was so first."""
        self._set("problem = ?, since = coalesce(since, ?)", (problem, now), name)

    def over(self, name: Name) -> None:
        """There is no more to tell, or nobody to tell it."""
        self._set("over = 1", (), name)

    def drop(self, name: Name) -> None:
        """Forget a push."""
        self._db.execute("delete from pushes where tenant = ? and task = ? and id = ?", name)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _found(self, where: str, values: tuple[str, ...]) -> list[Push]:
        wanted = "tenant, body, seq, known, since, problem, over"
        rows = self._db.execute(f"select {wanted} from pushes where {where}", values)  # noqa: S608 - constants
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

    def _set(self, what: str, values: tuple[object, ...], name: Name) -> None:
        where = "tenant = ? and task = ? and id = ?"
        self._db.execute(f"update pushes set {what} where {where}", (*values, *name))  # noqa: S608 - constants
