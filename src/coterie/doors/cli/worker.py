"""`coterie worker`: performs the runs of a queue, beside others on other hosts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import click
from msgspec import Struct

from coterie.doors.cli.doubts import doubt_option, doubts_said
from coterie.doors.cli.governance import policy_called, policy_option
from coterie.doors.cli.hosts import Hosts, Rules
from coterie.doors.cli.options import engine_option, log_option, model_option, tool_option
from coterie.doors.cli.quotas import day_option, quotas_said
from coterie.doors.cli.retention import retention_option
from coterie.doors.cli.store import store_option
from coterie.doors.teams import tools_called
from coterie.engines.places import engine_at, share_gates
from coterie.errors import BadInput
from coterie.memory.places import knowledge_at
from coterie.ports import Engine, Observer, Surveyed
from coterie.shell.alarm import Alarm
from coterie.shell.retention import EVERY, Keeping
from coterie.shell.worker import Worker
from coterie.stores.leases import LEASE
from coterie.teamfile.closed import Offered
from coterie.teamfile.ready import ready
from coterie.telemetry.lines import Lines
from coterie.telemetry.observers import tracing
from coterie.telemetry.shown import counted
from coterie.tool import tool_of
from coterie.words.place import is_shared
from coterie.words.retention import Retention


class Working(Struct, frozen=True, kw_only=True):
    """What a worker was told when it was started: a field for every option of `coterie worker`, by its name."""

    store: str
    engine: str | None = None
    queue: str = "default"
    concurrency: int = 100
    capabilities: str = ""
    per_tenant: int | None = None
    per_team: int | None = None
    model: str | None = None
    grace: float = 30.0
    tools: tuple[str, ...] = ()
    memory: str | None = None
    lease: float = LEASE
    log: bool = False
    metrics: str | None = None
    policy: str | None = None
    doubts: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    retention: Retention | None = None

    def rules(self, *counting: Observer) -> Rules:
        """What its hosts go by; `counting` are observers whose figures are shown.

        Raises:
            BadInput: if what was said makes none.
        """
        tools = {tool.name: tool for tool in map(tool_of, tools_called(self.tools))}
        remembers = self.memory or (self.store if is_shared(self.store) else None)
        return Rules(
            model=self.model,
            policy=policy_called(self.policy),
            in_doubt=doubts_said(self.doubts),
            quotas=quotas_said(self.days),
            offered=Offered(tools=tools, models=None, actor=ready),
            knowledge=None if remembers is None else knowledge_at(remembers),
            observers=(*tracing(), *((Lines(),) if self.log else ()), *counting),
            lease=self.lease,
        )


@click.command()
@engine_option
@click.option("--queue", default="default", show_default=True, help="Which runs to perform.")
@click.option("--concurrency", default=100, show_default=True, type=click.IntRange(1), help="Runs at once.")
@click.option("--capabilities", default="", metavar="A,B", help="What this worker has that runs may need.")
@click.option("--per-tenant", type=click.IntRange(1), help="Runs of one tenant at once.")
@click.option("--per-team", type=click.IntRange(1), help="Runs of one team of a tenant at once.")
@model_option
@click.option(
    "--grace", default=30.0, show_default=True, help="Seconds for what is under way to end when it stops."
)
@tool_option
@click.option(
    "--memory",
    metavar="PATH",
    envvar="COTERIE_MEMORY",
    show_envvar=True,
    help="Where what runs remember is kept: a file, or postgresql://... (default: the store, if it is one).",
)
@click.option(
    "--lease",
    default=LEASE,
    show_default=True,
    type=click.FloatRange(1.0),
    help="Seconds for which a run stays with a worker that is not heard of.",
)
@log_option
@click.option(
    "--metrics",
    metavar="PORT",
    help="Show figures to Prometheus on a port of this machine; HOST:PORT for others, who need no key.",
)
@policy_option
@doubt_option
@day_option
@retention_option
@store_option
def worker(**said: Any) -> None:
    """Perform the runs that are dispatched on a queue, until SIGTERM or Ctrl-C.

    Then nothing more is taken, what is under way may end, and the rest is given to other workers.
    """
    told = Working(**said)
    if told.engine is None:
        raise BadInput(
            "a worker needs an engine: --engine nats://HOST:PORT (or temporal://...), or COTERIE_ENGINE"
        )
    if not is_shared(told.store):
        click.echo(f"the store {told.store!r} is a file: only workers on this machine share it", err=True)
    asyncio.run(_work(told, told.engine))


async def _work(told: Working, engine: str) -> None:
    """Work until somebody stops it."""
    counting = counted(told.metrics)
    dispatcher = engine_at(engine, told.queue)
    hosts = Hosts(told.store, dispatcher, told.rules(*(() if counting is None else (counting.figures,))))
    performing = Worker(
        dispatcher,
        hosts.host_of,
        concurrency=told.concurrency,
        has=[one.strip() for one in told.capabilities.split(",") if one.strip()],
        per_tenant=told.per_tenant,
        per_team=told.per_team,
    )
    if counting is not None:
        click.echo(f"figures at {counting.show(performing.hand)}", err=True)
    working = asyncio.get_running_loop().create_task(performing.work())
    share_gates(dispatcher)
    telling = asyncio.get_running_loop().create_task(_tell(dispatcher, performing))
    alarms = [Alarm(lambda: [hosts])]
    if told.retention is not None:
        keeping = Keeping(hosts.stores, told.retention)
        alarms.append(Alarm(lambda: [keeping], EVERY))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    click.echo(f"working on queue {told.queue!r} of {told.engine}", err=True)
    with contextlib.suppress(asyncio.CancelledError):
        await working
    click.echo("draining", err=True)
    for alarm in alarms:
        await alarm.close()
    await performing.drain(told.grace)
    telling.cancel()
    share_gates(None)
    await hosts.close()
    await dispatcher.close()
    if counting is not None:
        counting.close()
    click.echo(f"performed {performing.performed}", err=True)


async def _tell(dispatcher: Engine, performing: Worker) -> None:
    """Have whoever asks be told of this worker, where the engine knows how to ask."""
    if isinstance(dispatcher, Surveyed):
        await dispatcher.answer(performing.hand)
