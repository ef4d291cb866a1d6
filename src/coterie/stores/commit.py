"""Grouped commits on PostgreSQL: what is appended while a commit is under way is the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psycopg

from coterie.errors import StoreError, StoreUnavailable
from coterie.stores.held import Added, Held
from coterie.stores.links import AGAIN, Links, unavailable
from coterie.stores.signals import gone
from coterie.stores.statements import COMMIT
from coterie.words.event import Record


class Commit:
    """The pages of any number of runs, and the contents that are kept apart from them."""

    def __init__(self) -> None:
        self.pages: list[Added] = []
        self.blobs: list[tuple[bytes, bytes]] = []
        self.heard: list[tuple[int, int]] = []
        """The signals that the pages tell of, each with its run."""
        self.done: asyncio.Future[set[int]] = asyncio.get_running_loop().create_future()
        """The runs whose lease was held: what they brought is written."""

    def values(self, tenant: str) -> dict[str, Any]:
        """What the statement `COMMIT` is told."""
        pages = self.pages
        held = {page.held.key: page.held for page in pages}
        return {
            "ids": [*held],
            "epochs": [one.epoch for one in held.values()],
            "runs": [page.held.key for page in pages],
            "seqs": [page.seq for page in pages],
            "counts": [page.count for page in pages],
            "hashes": [page.hash for page in pages],
            "bodies": [page.body for page in pages],
            "contents": [page.contents for page in pages],
            "tenant": tenant,
            "names": [name for name, _ in self.blobs],
            "values": [body for _, body in self.blobs],
            "heard": [number for number, _ in self.heard],
            "hearers": [run for _, run in self.heard],
        }


class Commits:
    """Writes the pages of all runs of a process, over one connection and one commit at a time.

    A server that is lost meanwhile is looked for again, for `patience` seconds.
    """

    def __init__(self, links: Links, tenant: str, patience: float) -> None:
        self._links = links
        self._tenant = tenant
        self._patience = patience
        self._group: Commit | None = None
        self._under_way: Commit | None = None
        self._writing: asyncio.Task[None] | None = None

    async def add(self, held: Held, records: Sequence[Record], heard: Sequence[int]) -> bool:
        """Write the next page of a run, which tells of the signals `heard`; whether its lease was held.

        Raises:
            Unstorable: if a value has no MessagePack shape.
            StoreUnavailable: if the server was lost for too long.
        """
        blobs: list[tuple[bytes, bytes]] = []
        page = held.add(records, blobs)
        group = self._group
        if group is None:
            group = self._group = Commit()
        group.blobs += blobs
        group.pages.append(page)
        if held.handed:
            group.heard += [(number, held.key) for number in gone(held, records, heard)]
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        if held.key not in await group.done:
            return False
        held.written = (0, page.number, page.hash)
        return True

    async def flushed(self) -> None:
        """Wait until everything that was added by now is written; what is added meanwhile is nobody's concern here."""
        pending = [group.done for group in (self._under_way, self._group) if group is not None]
        if pending:
            await asyncio.wait(pending)

    async def _write(self) -> None:
        """Commit group after group, until nothing more has come meanwhile."""
        try:
            await asyncio.sleep(0)  # whoever else has something to write has a turn
            while (group := self._group) is not None:
                self._group, self._under_way = None, group
                try:
                    group.done.set_result(await self._written(group))
                except (psycopg.Error, StoreError) as error:
                    said = error if isinstance(error, StoreError) else unavailable(error)
                    group.done.set_exception(said)
        finally:
            self._writing = self._under_way = None

    async def _written(self, group: Commit) -> set[int]:
        """Write a group; the runs whose lease was held."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience
        while True:
            try:
                return await self._committed(group)
            except (psycopg.OperationalError, StoreUnavailable):
                if not self._links.lost or loop.time() > until:
                    raise
            await asyncio.sleep(AGAIN)

    async def _committed(self, group: Commit) -> set[int]:
        async with self._links.told():
            pen = self._links.pen
        cursor = await pen.execute(COMMIT, group.values(self._tenant), binary=True)
        return {key for (key,) in await cursor.fetchall()}
