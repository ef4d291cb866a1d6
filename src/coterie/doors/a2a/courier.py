"""The courier: tells clients that want to be told what becomes of their tasks (push notifications).

1. What is to be told follows from a journal, and how far it was told is on the disk. So after a crash the next courier
   goes on, and what was under way is told again: each change of a state at least once, in order.
   Of the couriers of several replicas one has a push, for as long as it says so; then another takes it.
2. Who does not take it is told again, later and later, for a day. One that is slow holds up nobody else.
3. The address is screened when it is given and whenever it is used, and the one that passed is connected to.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, TypeAlias, cast

import httpx
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import InvalidParamsError
from a2a.utils.proto_utils import to_stream_response
from google.protobuf.json_format import MessageToDict

from coterie.doors.a2a.notices import Notice, matters, notices
from coterie.doors.a2a.pushes import Name, Push, Pushes
from coterie.doors.a2a.stream import Event
from coterie.errors import BadInput, CoterieError, OffLimits, UnknownRun
from coterie.kernel.story import closed
from coterie.reach.pinned import client
from coterie.reach.screen import Screen
from coterie.shell.host import Host
from coterie.words.delta import Shown
from coterie.words.event import Record
from coterie.words.which import Which

TOKEN = "X-A2A-Notification-Token"  # noqa: S105 - the name of a header
ONCE = "Idempotency-Key"
"""The header that is the same whenever the same is told again."""
SECONDS = 10.0
"""Seconds that a client has to take what it is told."""
SOON, LATE = 0.5, 300.0
"""Seconds between two tries to tell it: at first, and at most."""
PATIENCE = 86_400.0
"""Seconds after which a client that takes nothing is told no more."""
MOST = 16
"""Configs that a task may have."""
HOLD, LOOK = 15.0, 5.0
"""Seconds for which a courier has a push, and between two looks at which it has."""
PARKED = 2.0
"""Seconds between two looks at a task that only people can move, if nobody rings."""


Config: TypeAlias = pb.TaskPushNotificationConfig
"""Where a client wants to be told, and how it knows us."""


class Courier:
    """Tells the clients of a service; `host` has the runs of a tenant."""

    def __init__(
        self,
        pushes: Pushes,
        host: Callable[[str], Host],
        screen: Screen,
        *,
        soon: float = SOON,
        hold: float = HOLD,
        look: float = LOOK,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.pushes = pushes
        self._host = host
        self._screen = screen
        self._soon = soon
        self._hold = hold
        self._look = look
        self._clock = clock
        self._name = secrets.token_hex(8)
        self._group: asyncio.TaskGroup | None = None
        self._working: dict[Name, asyncio.Task[None]] = {}
        self._bells: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Tell whoever wants to be told, until this is left; what is not told then is told by the next."""
        await self._forget()
        async with asyncio.TaskGroup() as group:
            self._group = group
            holding = group.create_task(self._holding())
            try:
                yield
            finally:
                self._group = None
                for working in [holding, *self._working.values()]:
                    working.cancel()
        with suppress(CoterieError):  # then others have to wait until it is over by itself
            await self.pushes.let_go(self._name)
        self.pushes.close()

    async def _holding(self) -> None:
        """Have what is this courier's, and what is nobody's any more, and work on that."""
        while True:
            with suppress(CoterieError):  # out of reach: what it had meanwhile may be another's by then
                now = self._clock()
                self._works_on(await self.pushes.held(self._name, now, now + self._hold))
            await asyncio.sleep(self._look)

    def _works_on(self, names: list[Name]) -> None:
        """Serve these, and no others."""
        for name in set(names) - self._working.keys():
            self._take_on(name)
        for name in self._working.keys() - set(names):
            self._working.pop(name).cancel()

    async def check(self, config: Config) -> None:
        """Refuse a config that cannot be used, before anything is begun for it.

        Raises:
            InvalidParamsError: if its address is none, or may not be reached.
        """
        try:
            await self._screen.check(config.url)
        except (BadInput, OffLimits) as error:
            raise InvalidParamsError(f"nobody can be told there: {error.message}") from error

    async def want(self, tenant: str, task: str, config: Config, seq: int) -> Config:
        """Keep a config that was checked, and tell of a task from its event `seq` on; the config as it is kept.

        Raises:
            InvalidParamsError: if the task has as many as it may have.
        """
        kept = pb.TaskPushNotificationConfig()
        kept.CopyFrom(config)
        kept.task_id, kept.id = task, config.id or task
        others = [one for one in await self.pushes.of(tenant, task) if one.config.id != kept.id]
        if len(others) >= MOST:
            raise InvalidParamsError(f"task {task!r} has {MOST} push notification configs, as many as it may")
        push = Push(tenant=tenant, config=kept, seq=seq)
        before = await self.pushes.one(push.name)
        if before is None or before.over or before.config != kept:
            await self.pushes.keep(push, self._name, self._clock() + self._hold)
            self._take_on(push.name)
        return kept

    async def drop(self, name: Name) -> None:
        """Tell a client no more."""
        await self.pushes.drop(name)
        if (working := self._working.pop(name, None)) is not None:
            working.cancel()

    def _take_on(self, name: Name) -> None:
        """Begin to serve a push that is kept, in the place of what was begun under its name."""
        if (before := self._working.pop(name, None)) is not None:
            before.cancel()
        if self._group is not None:
            self._working[name] = self._group.create_task(self._serve(name))

    def ring(self, task: str) -> None:
        """Say that something was done to a task, so that it is looked at now."""
        if (bell := self._bells.get(task)) is not None:
            bell.set()

    async def _forget(self) -> None:
        """Keep nothing of tasks whose runs were let go of: there may be tokens in it."""
        with suppress(CoterieError):
            for push in await self.pushes.ended():
                if not await self._host(push.tenant).runs(Which(id=push.config.task_id)):
                    await self.pushes.drop(push.name)

    async def _serve(self, name: Name) -> None:
        """Tell one client of one task, to its end."""
        try:
            async with client(self._screen, timeout=SECONDS) as http:
                while not await self._told_all(http, name):  # noqa: ASYNC110 - a store rings no bell
                    await asyncio.sleep(self._soon)
        except Exception:  # whatever it is, the service and all other clients go on
            logging.getLogger("coterie").exception("a client of task %r is told no more", name[1])
        finally:
            if self._working.get(name) is asyncio.current_task():
                del self._working[name]

    async def _told_all(self, http: httpx.AsyncClient, name: Name) -> bool:
        """Tell of a task as it goes on; False if its journal cannot be read now."""
        host, after = self._host(name[0]), -1
        try:
            while (push := await self.pushes.one(name)) is not None and not push.over:
                after = await self._told_after(http, host, push, after)
        except UnknownRun:
            await self.pushes.drop(name)
        except CoterieError:  # the store is out of reach
            return False
        return True

    async def _told_after(self, http: httpx.AsyncClient, host: Host, push: Push, after: int) -> int:
        """Tell of what a journal has after a number, and wait for more; what of it was told."""
        task = push.name[1]
        records = await host.journal(task)
        for notice in notices(task, records, max(after, push.seq), push.known):
            if not await self._told(http, push, notice):
                return after
        if closed(records) is not None:
            await self.pushes.over(push.name)
            return after
        await self._changed(host, task, len(records) - 1)
        return len(records) - 1

    async def _told(self, http: httpx.AsyncClient, push: Push, notice: Notice) -> bool:
        """Tell a client of one change; False if it was given up."""
        for n, event in enumerate(notice.events):
            wait = self._soon
            while problem := await _posted(http, push.config, event, f"{push.config.id}.{notice.seq}.{n}"):
                await self.pushes.failed(push.name, problem, self._clock())
                kept = await self.pushes.one(push.name)
                if kept is None or self._clock() - (kept.since or 0.0) > PATIENCE:
                    await self.pushes.over(push.name)
                    return False
                await asyncio.sleep(wait)
                wait = min(wait * 2, LATE)
        await self.pushes.told(push.name, notice.seq, notice.state)
        return True

    async def _changed(self, host: Host, task: str, after: int) -> None:
        """Wait until a journal says something new that matters."""
        batches = cast("AsyncGenerator[list[Record | Shown]]", host.batches(task, after))
        async with aclosing(batches):
            async for batch in batches:
                if any(isinstance(seen, Record) and matters(seen) for seen in batch):
                    return
        bell = self._bells.setdefault(task, asyncio.Event())
        while True:
            bell.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(PARKED):
                    await bell.wait()
            if not (seen := await host.runs(Which(id=task))) or seen[0].events > after + 1:
                return


async def _posted(http: httpx.AsyncClient, config: Config, event: Event, once: str) -> str:
    """Tell a client of an event; what is wrong, or nothing once it has taken it."""
    try:
        body: Any = MessageToDict(to_stream_response(event))
        answer = await http.post(config.url, json=body, headers={**_headers(config), ONCE: once})
    except (httpx.HTTPError, CoterieError, ValueError) as error:
        return str(error) or type(error).__name__
    return "" if answer.is_success else f"answers {answer.status_code}"


def _headers(config: Config) -> dict[str, str]:
    """How a client knows us."""
    headers = {"A2A-Version": "1.0"}
    if config.token:
        headers[TOKEN] = config.token
    about = config.authentication
    if about.scheme and about.credentials:
        headers["Authorization"] = f"{about.scheme} {about.credentials}"
    return headers
