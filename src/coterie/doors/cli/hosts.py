"""The hosts of a worker: one for every tenant whose runs it performs, and what they all go by."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import Struct

from coterie.doors.cli.quotas import quota_for
from coterie.doors.teams import ANY, origin_of, owner_of, team_of_run
from coterie.memory import Memory
from coterie.ports import Engine, Knowledge, Observer, Policy, Store
from coterie.shell.air import live_of
from coterie.shell.host import Host
from coterie.shell.pausing import PARK
from coterie.stores.leases import LEASE
from coterie.stores.places import DEFAULT, KeptStore, store_at, tenants_at
from coterie.stores.sqlite import SqliteStore
from coterie.teamfile.closed import Offered
from coterie.words.doubt import NO_RULES, Doubt
from coterie.words.principal import Principal
from coterie.words.quota import Quota


class Rules(Struct, frozen=True, kw_only=True):
    """What the hosts of a worker go by, whosever the runs are."""

    model: str | None = None
    policy: Policy | None = None
    in_doubt: Mapping[str, Doubt] = NO_RULES
    quotas: Mapping[str, Quota] = {}
    offered: Offered = ANY
    knowledge: Knowledge | None = None
    observers: tuple[Observer, ...] = ()
    lease: float = LEASE


class Hosts:
    """The hosts of all tenants that a worker performs runs of, on one place of stores."""

    def __init__(self, place: str, engine: Engine | None, rules: Rules) -> None:
        self._place = place
        self._engine = engine
        self._rules = rules
        self._hosts: dict[str, Host] = {}
        self._stores: dict[str, KeptStore] = {}

    def host_of(self, tenant: str) -> Host:
        """The host of a tenant, made when it is first asked for."""
        if tenant not in self._hosts:
            rules = self._rules
            store = self._stores[tenant] = store_at(self._place, tenant, lease=rules.lease)
            self._hosts[tenant] = Host(
                store,
                actor_of=lambda began: team_of_run(began, offered=rules.offered),
                memory=lambda origin: self._memory(Principal(owner_of(origin), tenant)),
                model=lambda origin: origin.get("model") or rules.model,
                tenant=tenant,
                engine=self._engine,
                parks=PARK,
                overhear=live_of(self._engine) is not None,
                policy=rules.policy,
                in_doubt=rules.in_doubt,
                observers=rules.observers,
                quota=quota_for(rules.quotas, tenant),
                origin_of=lambda name: origin_of(name, {}),
            )
        return self._hosts[tenant]

    def _memory(self, who: Principal) -> Memory | None:
        """What is remembered, as `who` may see and change it."""
        known = self._rules.knowledge
        return None if known is None else Memory(known, who)

    def stores(self) -> list[Store]:
        """The stores of every tenant that is known here."""
        return [self.host_of(tenant).store for tenant in {*tenants_at(self._place), *self._hosts}]

    async def ring(self) -> int:
        """Have every run dispatched whose time has come, whosever it is; how many they are."""
        self.host_of(DEFAULT)
        store = self._stores[DEFAULT]
        if isinstance(store, SqliteStore):
            return sum([await self.host_of(tenant).ring() for tenant in tenants_at(self._place)])
        due = await store.all_due(time.time())
        for tenant, run in due:
            await self.host_of(tenant).wake(run)
        return len(due)

    async def close(self) -> None:
        """Stop performing, and let go of the stores."""
        for host in self._hosts.values():
            await host.close()
            await host.store.close()
        if self._rules.knowledge is not None:
            await self._rules.knowledge.close()
