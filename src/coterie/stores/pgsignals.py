"""Signals: what others say to runs, as rows of a PostgreSQL store; a notification says that there is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import psycopg

from coterie.errors import StoreError
from coterie.stores.held import Held
from coterie.stores.links import AGAIN, Links
from coterie.stores.pgleases import waking
from coterie.stores.signals import packed, unpacked
from coterie.stores.statements import SAID, SIGNAL
from coterie.words.event import Signalled


class Signals:
    """What is said to the runs of one tenant; `held` are those that this process writes, by name."""

    def __init__(self, links: Links, tenant: str, held: Mapping[str, Held]) -> None:
        self._links = links
        self._tenant = tenant
        self._held = held
        self._turn = asyncio.Lock()

    async def say(self, run: str, signal: Signalled) -> None:
        """Say something to a run: whoever holds it is told, and if nobody does, it is due."""
        said = {"body": packed(signal), "about": f"{self._tenant}/{run}"}
        async with self._links.told() as db:
            await db.execute(SIGNAL, {**waking(self._tenant, run, 0.0), **said})

    async def waiting(self, run: str) -> list[Signalled]:
        """What waits for whoever claims a run."""
        async with self._links.told() as db:
            cursor = await db.execute(SAID, (self._tenant, run), binary=True)
            return [unpacked(body) for _, body in await cursor.fetchall()]

    async def listen(self) -> None:
        """Hear what is said to the runs that are held, for ever, and after a break what was said meanwhile."""
        while True:
            with contextlib.suppress(psycopg.Error, StoreError):
                async with await psycopg.AsyncConnection.connect(
                    self._links.url, autocommit=True
                ) as listener:
                    await listener.execute("listen coterie")
                    for held in list(self._held.values()):
                        await self.hear(held)
                    async for notice in listener.notifies():
                        await self._noticed(notice.payload)
            await asyncio.sleep(AGAIN)

    async def _noticed(self, payload: str) -> None:
        tenant, _, run = payload.partition("/")
        held = self._held.get(run)
        if tenant == self._tenant and held is not None and held.hear is not None:
            await self.hear(held)

    async def hear(self, held: Held) -> None:
        """Hand over what was said to a run, if it is held still; each signal once."""
        async with self._turn, self._links.told() as db:
            cursor = await db.execute(SAID, (self._tenant, held.run), binary=True)
            rows = await cursor.fetchall()
            known, held.handed = held.handed, {number for number, _ in rows}
            for number, body in rows:
                if number not in known and held.hear is not None and self._held.get(held.run) is held:
                    held.hear(unpacked(body), number)
