"""`coterie schedule`: teams that are run again and again, by a cron expression. Services and workers begin them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Literal, cast

import click
import msgspec

from coterie.doors.cli.store import opened_store, store_option
from coterie.doors.letters import cropped
from coterie.doors.teams import origin_of, team_of, team_of_run
from coterie.errors import BadInput
from coterie.shell import schedule as kept
from coterie.shell.cron import zone_of
from coterie.shell.host import Host
from coterie.shell.schedule import Kept, Scheduled
from coterie.stores.places import DEFAULT
from coterie.words.limits import DEFAULT as LIMITS
from coterie.words.limits import parsed

tenant_option: Callable[[Any], Any] = click.option(
    "--tenant", default=DEFAULT, show_default=True, help="Whose schedules."
)


@click.group()
def schedule() -> None:
    """Run teams again and again, by a cron expression.

    A schedule is a run that `coterie serve` and `coterie worker` go on with: each time is begun once, however many
    of them there are.
    """


@schedule.command("add")
@click.argument("name")
@click.argument("expression", metavar="CRON")
@click.argument("team")
@click.argument("task", default="")
@click.option(
    "--zone", default="UTC", show_default=True, help="By the clocks of which zone, as Europe/Berlin."
)
@click.option(
    "--missed",
    type=click.Choice(["skip", "once"]),
    default="skip",
    show_default=True,
    help="What becomes of times when nobody was there.",
)
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="What the team is told.")
@click.option(
    "--limit", "limits", multiple=True, metavar="NAME=VALUE", help="A limit of each run, as usd=0.5."
)
@click.option("--model", help="The model of agents that name none.")
@tenant_option
@store_option
def add(
    name: str,
    expression: str,
    team: str,
    task: str,
    zone: str,
    missed: str,
    options: tuple[str, ...],
    limits: tuple[str, ...],
    model: str | None,
    tenant: str,
    store: str,
) -> None:
    """Have TEAM do TASK whenever CRON says, as NAME.

    CRON is five fields, as in '30 9 * * mon-fri', or @hourly, @daily, @weekly, @monthly, @yearly.
    """
    told = dict(_pair(one) for one in options)
    origin = origin_of(team, told, model)
    actor = team_of(origin)
    what = Scheduled(
        name=name,
        cron=expression,
        team=actor.name,
        task=task,
        zone=zone,
        missed=cast("Literal['skip', 'once']", missed),
        origin={**origin, "name": team if "/" not in team else actor.name},
        limits=_limits(limits),
    )
    made = _done(store, tenant, lambda host: kept.add(host, what), new=True)
    click.echo(f"{name} is due {_when(made)}", err=True)


@schedule.command("list")
@click.option("--json", "as_json", is_flag=True, help="Each as a line of JSON.")
@tenant_option
@store_option
def list_(as_json: bool, tenant: str, store: str) -> None:
    """List the schedules, and when each is due."""
    for one in _done(store, tenant, kept.schedules):
        if as_json:
            click.echo(msgspec.json.encode(one).decode())
        else:
            what = one.schedule
            task = f"  {cropped(what.task, 40)}" if what.task else ""
            click.echo(f"{what.name}  {what.cron}  {what.zone}  {_when(one)}  {what.team}{task}")


@schedule.command("pause")
@click.argument("name")
@tenant_option
@store_option
def pause(name: str, tenant: str, store: str) -> None:
    """Begin nothing by NAME until it is resumed."""
    _done(store, tenant, lambda host: kept.pause(host, name))


@schedule.command("resume")
@click.argument("name")
@tenant_option
@store_option
def resume(name: str, tenant: str, store: str) -> None:
    """Go on with NAME after a pause."""
    _done(store, tenant, lambda host: kept.resume(host, name))


@schedule.command("remove")
@click.argument("name")
@tenant_option
@store_option
def remove(name: str, tenant: str, store: str) -> None:
    """End NAME; what it has begun goes on."""
    _done(store, tenant, lambda host: kept.remove(host, name))


def _done(store: str, tenant: str, work: Callable[[Host], Awaitable[Any]], *, new: bool = False) -> Any:
    """What `work` gives with the host of a store."""

    async def scene() -> Any:
        async with _hosted(store, tenant, new=new) as host:
            return await work(host)

    return asyncio.run(scene())


@asynccontextmanager
async def _hosted(store: str, tenant: str, *, new: bool) -> AsyncGenerator[Host, None]:
    """A host that writes down what somebody else goes on with."""
    async with opened_store(store, new=new, tenant=tenant) as opened:
        host = Host(opened, actor_of=team_of_run, tenant=tenant, parks=0.0)
        try:
            yield host
        finally:
            await host.close()


def _when(one: Kept) -> str:
    if one.due is None:
        return one.status
    at = datetime.fromtimestamp(one.due, zone_of(one.schedule.zone))
    return f"{at:%Y-%m-%d %H:%M %Z} (in {_span(one.due - time.time())})"


def _span(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 2880 else f"{minutes // 1440} days"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"{text!r} is no option: write it as NAME=VALUE")
    return name, value


def _limits(given: tuple[str, ...]) -> dict[str, Any]:
    try:
        limits = LIMITS.raised(parsed(" ".join(given)))
    except ValueError as error:
        raise BadInput(str(error)) from error
    return {one.partition("=")[0]: getattr(limits, one.partition("=")[0]) for one in given}
