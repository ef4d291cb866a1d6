"""`coterie worker`: performs the runs of a queue, beside others on other hosts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping
from typing import Any

import click

from coterie.doors.cli.doubts import doubt_option, doubts_said
from coterie.doors.cli.governance import policy_called, policy_option
from coterie.doors.cli.quotas import day_option, quota_for, quotas_said
from coterie.doors.cli.retention import retention_option
from coterie.doors.cli.store import store_option
from coterie.doors.teams import ANY, origin_of, owner_of, team_of_run, tools_called
from coterie.engines.places import engine_at, share_gates
from coterie.errors import BadInput
from coterie.memory import Memory
from coterie.memory.places import knowledge_at
from coterie.ports import Engine, Knowledge, Store, Surveyed
from coterie.shell.alarm import Alarm
from coterie.shell.host import Host
from coterie.shell.pausing import PARK
from coterie.shell.retention import EVERY, Keeping
from coterie.shell.worker import Worker
from coterie.stores.leases import LEASE
from coterie.stores.places import DEFAULT, KeptStore, store_at, tenants_at
from coterie.stores.sqlite import SqliteStore
from coterie.teamfile.closed import Offered
from coterie.teamfile.ready import ready
from coterie.telemetry.lines import Lines
from coterie.telemetry.observers import tracing
from coterie.tool import tool_of
from coterie.words.place import is_shared
from coterie.words.principal import Principal
from coterie.words.quota import Quota
from coterie.words.retention import Retention

engine_option = click.option(
    "--engine",
    metavar="URL",
    envvar="COTERIE_ENGINE",
    show_envvar=True,
    help="Who dispatches runs: nats://HOST:PORT, or temporal://HOST:PORT/NAMESPACE.",
)


@click.command()
@engine_option
@click.option("--queue", default="default", show_default=True, help="Which runs to perform.")
@click.option("--concurrency", default=100, show_default=True, type=click.IntRange(1), help="Runs at once.")
@click.option("--capabilities", default="", metavar="A,B", help="What this worker has that runs may need.")
@click.option("--per-tenant", type=click.IntRange(1), help="Runs of one tenant at once.")
@click.option("--per-team", type=click.IntRange(1), help="Runs of one team of a tenant at once.")
@click.option("--model", help="The model of agents that name none.")
@click.option(
    "--grace", default=30.0, show_default=True, help="Seconds for what is under way to end when it stops."
)
@click.option(
    "--tool",
    "tools",
    multiple=True,
    metavar="module:NAME",
    help="A tool of agents that were written over the API.",
)
@click.option(
    "--memory",
    metavar="PLACE",
    envvar="COTERIE_MEMORY",
    show_envvar=True,
    help="Where what runs remember is kept: a file, or postgresql://...",
)
@click.option(
    "--lease",
    default=LEASE,
    show_default=True,
    type=click.FloatRange(1.0),
    help="Seconds for which a run stays with a worker that is not heard of.",
)
@click.option("--log", is_flag=True, help="Write what happens in runs to stderr, a line of JSON each.")
@policy_option
@doubt_option
@day_option
@retention_option
@store_option
def worker(
    engine: str | None,
    queue: str,
    concurrency: int,
    capabilities: str,
    per_tenant: int | None,
    per_team: int | None,
    model: str | None,
    grace: float,
    tools: tuple[str, ...],
    memory: str | None,
    lease: float,
    log: bool,
    policy: str | None,
    doubts: tuple[str, ...],
    days: tuple[str, ...],
    retention: Retention | None,
    store: str,
) -> None:
    """Perform the runs that are dispatched on a queue, until SIGTERM or Ctrl-C.

    Then nothing more is taken, what is under way may end, and the rest is given to other workers.
    """
    if engine is None:
        raise BadInput(
            "a worker needs an engine: --engine nats://HOST:PORT (or temporal://...), or COTERIE_ENGINE"
        )
    if not is_shared(store):
        click.echo(f"the store {store!r} is a file: only workers on this machine share it", err=True)
    has = [one.strip() for one in capabilities.split(",") if one.strip()]
    rules: dict[str, Any] = {"policy": policy_called(policy), "in_doubt": doubts_said(doubts)}
    rules["quotas"] = quotas_said(days)
    made = map(tool_of, tools_called(tools))
    rules["offered"] = Offered(tools={tool.name: tool for tool in made}, models=None, actor=ready)
    rules["knowledge"] = None if memory is None else knowledge_at(memory)
    rules["observers"] = (*tracing(), *((Lines(),) if log else ()))
    rules["lease"] = lease
    room = {"concurrency": concurrency, "has": has, "per_tenant": per_tenant, "per_team": per_team}
    asyncio.run(_work(engine, queue, room, model, grace, store, rules, retention))


async def _work(
    engine: str,
    queue: str,
    room: Mapping[str, Any],
    model: str | None,
    grace: float,
    store: str,
    rules: Mapping[str, Any],
    retention: Retention | None,
) -> None:
    """Work until somebody stops it; `room` is what it performs at once, and `rules` are what its hosts go by."""
    dispatcher = engine_at(engine, queue)
    desk = Desk(store, dispatcher, model, rules)
    performing = Worker(dispatcher, desk.host_of, **room)
    working = asyncio.get_running_loop().create_task(performing.work())
    share_gates(dispatcher)
    telling = asyncio.get_running_loop().create_task(_tell(dispatcher, performing))
    alarms = [Alarm(lambda: [desk])]
    if retention is not None:
        keeping = Keeping(desk.stores, retention)
        alarms.append(Alarm(lambda: [keeping], EVERY))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    click.echo(f"working on queue {queue!r} of {engine}", err=True)
    with contextlib.suppress(asyncio.CancelledError):
        await working
    click.echo("draining", err=True)
    for alarm in alarms:
        await alarm.close()
    await performing.drain(grace)
    telling.cancel()
    share_gates(None)
    await desk.close()
    await dispatcher.close()
    click.echo(f"performed {performing.performed}", err=True)


async def _tell(dispatcher: Engine, performing: Worker) -> None:
    """Have whoever asks be told of this worker, where the engine knows how to ask."""
    if isinstance(dispatcher, Surveyed):
        await dispatcher.answer(performing.hand)


class Desk:
    """The hosts of all tenants that a worker performs runs of, on one place of stores."""

    def __init__(self, place: str, engine: Engine, model: str | None, rules: Mapping[str, Any]) -> None:
        self._place = place
        self._engine = engine
        self._model = model
        self._rules = dict(rules)
        self._quotas: dict[str, Quota] = self._rules.pop("quotas", {})
        self._offered: Offered = self._rules.pop("offered", ANY)
        self._knowledge: Knowledge | None = self._rules.pop("knowledge", None)
        self._lease: float = self._rules.pop("lease", LEASE)
        self._hosts: dict[str, Host] = {}
        self._stores: dict[str, KeptStore] = {}

    def host_of(self, tenant: str) -> Host:
        """The host of a tenant, made when it is first asked for."""
        if tenant not in self._hosts:
            store = self._stores[tenant] = store_at(self._place, tenant, lease=self._lease)
            self._hosts[tenant] = Host(
                store,
                actor_of=lambda began: team_of_run(began, offered=self._offered),
                memory=lambda origin: self._memory(Principal(owner_of(origin), tenant)),
                model=lambda origin: origin.get("model") or self._model,
                tenant=tenant,
                engine=self._engine,
                parks=PARK,
                quota=quota_for(self._quotas, tenant),
                origin_of=lambda name: origin_of(name, {}),
                **self._rules,
            )
        return self._hosts[tenant]

    def _memory(self, who: Principal) -> Memory | None:
        """What is remembered, as `who` may see and change it."""
        return None if self._knowledge is None else Memory(self._knowledge, who)

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
        if self._knowledge is not None:
            await self._knowledge.close()
