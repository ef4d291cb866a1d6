"""The service: what all doors that speak HTTP share. One host a tenant, and a file of journals each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self

from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.settings import Settings
from coterie.doors.http.sse import Encoded
from coterie.ports import Engine, Model, Observer, Policy, Store
from coterie.shell.alarm import Alarm
from coterie.shell.host import Host
from coterie.shell.pausing import PARK


class Service:
    """The hosts of all tenants, the teams they may run, and the keys that open the doors.

    `stores` makes the store of a tenant, which no other tenant's calls can reach. Used as a context manager, it
    goes on with what was interrupted, and parks what is under way on the way out. With an `engine`, its workers
    perform what is begun here. `secret` seals what a client carries for the service and brings back; one that is
    kept lets it do so after a restart. A `policy` says who may do what.
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
    ) -> None:
        self.library = library
        self.keys = keys
        self.settings = settings or Settings()
        self.model = model
        self.secret = secret or secrets.token_bytes(32)
        self.stopping = asyncio.Event()
        self.encoded = Encoded()
        self._stores = stores
        self._tenants = tenants
        self._engine = engine
        self._policy = policy
        self.observers = tuple(observers)
        self._hosts: dict[str, Host] = {}
        self._kept: list[Store] = []
        self._beside: list[Callable[[], AbstractAsyncContextManager[Any]]] = []
        self._doors = AsyncExitStack()
        self._alarm: Alarm | None = None

    def host(self, tenant: str) -> Host:
        """The runs of a tenant."""
        host = self._hosts.get(tenant)
        if host is None:
            store = self._stores(tenant)
            self._kept.append(store)
            host = self._hosts[tenant] = Host(
                store,
                actor_of=self.library.of_run,
                model=lambda origin: origin.get("model") or self.model,
                at_once=self.settings.at_once,
                engine=self._engine,
                tenant=tenant,
                policy=self._policy,
                observers=self.observers,
                overhear=True,
                in_doubt=self.settings.in_doubt,
                parks=PARK,
            )
        return host

    def alongside(self, keeps: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        """Have what a door keeps going opened after the hosts, and closed before them."""
        self._beside.append(keeps)

    async def __aenter__(self) -> Self:
        for tenant in self._tenants:
            await self.host(tenant).go_on()
        self._alarm = Alarm(self._hosts.values)
        for keeps in self._beside:
            await self._doors.enter_async_context(keeps())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        if self._alarm is not None:
            await self._alarm.close()
        async with AsyncExitStack() as stack:
            if self._engine is not None:
                stack.push_async_callback(self._engine.close)
            for store in self._kept:
                stack.push_async_callback(store.close)
            for host in self._hosts.values():
                stack.push_async_callback(host.close)
            stack.push_async_callback(self._doors.aclose)
