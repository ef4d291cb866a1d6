"""`coterie worker`: performs the runs of a queue, beside others on other hosts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from typing import Any

import click

from coterie.doors.cli.doubts import doubt_option, doubts_said
from coterie.doors.cli.governance import policy_called, policy_option
from coterie.doors.cli.store import store_option
from coterie.doors.teams import team_of_run
from coterie.engines.places import engine_at
from coterie.errors import BadInput
from coterie.shell.host import Host
from coterie.shell.worker import Worker
from coterie.stores.places import is_shared, store_at

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
@click.option("--model", help="The model of agents that name none.")
@click.option(
    "--grace", default=30.0, show_default=True, help="Seconds for what is under way to end when it stops."
)
@policy_option
@doubt_option
@store_option
def worker(
    engine: str | None,
    queue: str,
    concurrency: int,
    capabilities: str,
    model: str | None,
    grace: float,
    policy: str | None,
    doubts: tuple[str, ...],
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
    asyncio.run(_work(engine, queue, concurrency, has, model, grace, store, rules))


async def _work(
    engine: str,
    queue: str,
    concurrency: int,
    has: list[str],
    model: str | None,
    grace: float,
    store: str,
    rules: Mapping[str, Any],
) -> None:
    """Work until somebody stops it; `rules` are what its hosts go by."""
    hosts: dict[str, Host] = {}

    def host_of(tenant: str) -> Host:
        if tenant not in hosts:
            kept = store_at(store, tenant)
            hosts[tenant] = Host(
                kept,
                actor_of=team_of_run,
                model=lambda origin: origin.get("model") or model,
                tenant=tenant,
                **rules,
            )
        return hosts[tenant]

    dispatcher = engine_at(engine, queue)
    performing = Worker(dispatcher, host_of, concurrency=concurrency, has=has)
    working = asyncio.get_running_loop().create_task(performing.work())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    click.echo(f"working on queue {queue!r} of {engine}", err=True)
    with contextlib.suppress(asyncio.CancelledError):
        await working
    click.echo("draining", err=True)
    await performing.drain(grace)
    for host in hosts.values():
        await host.close()
        await host.store.close()
    await dispatcher.close()
    click.echo(f"performed {performing.performed}", err=True)
