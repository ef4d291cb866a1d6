"""The service: what all doors that speak HTTP share. One host a tenant, and a file of journals each."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.roster import Roster
from coterie.doors.http.settings import Settings
from coterie.doors.http.sse import Encoded
from coterie.doors.teams import owner_of
from coterie.memory import Memory, MemoryKnowledge
from coterie.ports import Engine, Knowledge, Ledgers, Model, Observer, Policy, Store
from coterie.shell.alarm import Alarm
from coterie.shell.host import Host
from coterie.shell.pausing import PARK
from coterie.shell.retention import EVERY, Keeping
from coterie.stores.ledgers import SqliteLedgers
from coterie.words.principal import LOCAL, Principal
from coterie.words.which import Which

SWEEP = 15.0
"""Seconds between two looks for messages that another replica has left."""


class Service:
    """The hosts of all tenants, the teams they may run, and the keys that open the doors.

    `stores` makes the store of a tenant, which no other tenant's calls can reach. Used as a context manager, it
    goes on with what was interrupted, and parks what is under way on the way out. With an `engine`, its workers
    perform what is begun here. `secret` seals what a client carries for the service and brings back; one that is
    kept lets it do so after a restart. A `policy` says who may do what. `ledgers` keep what a tenant writes over the
    API beside runs, and `knowledge` what is remembered; without, both end with the process.
    """

    def __init__(
        self,
        library: Library,
        keys: KeyRing,
        stores: Callable[[str], Store],
        *,
        settings: Settings | None = None,
        model: Model | str | None = None,
        tenants: tuple[str, ...] = ("default",),
        engine: Engine | None = None,
        secret: bytes = b"",
        policy: Policy | None = None,
        observers: Sequence[Observer] = (),
        ledgers: Callable[[str], Ledgers] = lambda _: SqliteLedgers(),
        knowledge: Callable[[], Knowledge] = MemoryKnowledge,
    ) -> None:
        self.library = library
        self.keys = keys
        self.settings = settings or Settings()
        self.model = model
        self.secret = secret or secrets.token_bytes(32)
        self.stopping = asyncio.Event()
        self.encoded = Encoded()
        self.known: Callable[[str], Principal | None] = keys.opened_by
        """Whose a token is; an application that knows more tokens than keys says so here."""
        self._stores = stores
        self._tenants = tenants
        self.engine = self._engine = engine
        self.policy = policy
        self._ledgers = ledgers
        self._knowledge = knowledge
        self._known: Knowledge | None = None
        self._rosters: dict[str, Roster] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.observers = tuple(observers)
        self._hosts: dict[str, Host] = {}
        self._kept: list[Store] = []
        self._beside: list[Callable[[], AbstractAsyncContextManager[Any]]] = []
        self._doors = AsyncExitStack()
        self._alarms: list[Alarm] = []

    def host(self, tenant: str) -> Host:
        """The runs of a tenant."""
        host = self._hosts.get(tenant)
        if host is None:
            store, quotas = self._stores(tenant), self.settings.quotas
            self._kept.append(store)
            host = self._hosts[tenant] = Host(
                store,
                actor_of=self.library.of_run,
                model=lambda origin: origin.get("model") or self.model,
                at_once=self.settings.at_once,
                engine=self._engine,
                tenant=tenant,
                policy=self.policy,
                observers=self.observers,
                overhear=True,
                in_doubt=self.settings.in_doubt,
                parks=PARK,
                memory=lambda origin: self.memory(Principal(owner_of(origin), tenant)),
                quota=quotas.get(tenant, quotas.get("*")),
                origin_of=lambda name: self.library.origin(name, {}, None),
            )
        return host

    def roster(self, tenant: str) -> Roster:
        """Who a tenant has written: its standing agents and its teams."""
        found = self._rosters.get(tenant)
        if found is None:
            ledgers = self._ledgers(tenant)
            found = self._rosters[tenant] = Roster(self.library, self.host(tenant), ledgers, self._spawn)
        return found

    def memory(self, who: Principal) -> Memory:
        """What is remembered, as `who` may see and change it."""
        if self._known is None:
            self._known = self._knowledge()
        return Memory(self._known, who)

    async def count(self, status: str) -> int:
        """How many runs of all tenants stand there."""
        which = Which(statuses=(status,))
        return sum([len(await self.host(tenant).runs(which)) for tenant in self.tenants])

    @property
    def tenants(self) -> list[str]:
        """Every tenant that has anything here, in order of their names."""
        return sorted({*self._tenants, *self._hosts})

    def seen_by(self, who: Principal) -> list[str]:
        """Whose runs somebody may add up: of all tenants with the token of this machine, else of their own."""
        return self.tenants if who is LOCAL else [who.tenant]

    def alongside(self, keeps: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        """Have what a door keeps going opened after the hosts, and closed before them."""
        self._beside.append(keeps)

    async def __aenter__(self) -> Self:
        for tenant in self._tenants:
            await self.host(tenant).go_on()
        self._alarms = [Alarm(self._hosts.values)]
        if (rule := self.settings.retention) is not None:
            keeping = Keeping(lambda: [host.store for host in self._hosts.values()], rule)
            self._alarms.append(Alarm(lambda: [keeping], EVERY))
        await self._doors.enter_async_context(self._performing())
        for keeps in self._beside:
            await self._doors.enter_async_context(keeps())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        for alarm in self._alarms:
            await alarm.close()
        async with AsyncExitStack() as stack:
            if self._engine is not None:
                stack.push_async_callback(self._engine.close)
            if self._known is not None:
                stack.push_async_callback(self._known.close)
            for roster in self._rosters.values():
                stack.push_async_callback(roster.ledgers.close)
            for store in self._kept:
                stack.push_async_callback(store.close)
            for host in self._hosts.values():
                stack.push_async_callback(host.close)
            stack.push_async_callback(self._doors.aclose)

    @asynccontextmanager
    async def _performing(self) -> AsyncGenerator[None, None]:
        """Have standing agents at work meanwhile, and whoever was told something before this looks at it."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._spawn(self._sweeping())
            try:
                yield
            finally:
                self._group = None
                for task in self._tasks:
                    task.cancel()

    async def _sweeping(self) -> None:
        """Look again and again for what agents were told that nobody works on."""
        while True:
            for tenant in self.tenants:
                try:
                    await self.roster(tenant).sweep()
                except Exception:  # whatever became of one tenant's store now, the others are looked after
                    logging.getLogger("coterie").exception("the mailboxes of %r are looked at later", tenant)
            await asyncio.sleep(SWEEP)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something performed beside the requests, while the service is open."""
        if self._group is None:
            work.close()
            return
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
