"""`coterie schedule`: teams that are run again and again, by a cron expression. Services and workers begin them.

With `--server` a service is asked for it; without, the store is told.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import click
import msgspec
from msgspec import Struct

from coterie.doors.cli.options import model_option
from coterie.doors.cli.pairs import pair
from coterie.doors.cli.remote import over, refuse, server_option
from coterie.doors.cli.store import opened_store, store_option
from coterie.doors.letters import cropped, harmless
from coterie.doors.teams import origin_of, team_of, team_of_run
from coterie.errors import BadInput
from coterie.shell import schedule as kept
from coterie.shell.cron import zone_of
from coterie.shell.host import Host
from coterie.shell.schedule import Kept, Scheduled
from coterie.stores.places import DEFAULT
from coterie.words.limits import DEFAULT as LIMITS
from coterie.words.limits import parsed

if TYPE_CHECKING:
    from coterie.client import AsyncClient
    from coterie.doors.http.api.timed import ScheduleShown

PAGE = 500
"""Schedules that a service is asked for at once."""


class Where(Struct, frozen=True):
    """Where schedules are: at a service, or in the store for a tenant."""

    server: str | None
    store: str
    tenant: str

    def done(
        self,
        here: Callable[[Host], Awaitable[Any]],
        there: Callable[[AsyncClient], Coroutine[Any, Any, Any]],
        *,
        new: bool = False,
    ) -> Any:
        """What is given by the host of the store, or else by a client of the service."""
        if self.server is None:
            return _done(self.store, self.tenant, here, new=new)
        refuse(self.server, tenant=self.tenant != DEFAULT)
        return over(self.server, self.store, there)


def where_option(command: Any) -> Any:
    """Add the options that say where schedules are, given to the command as `where`."""

    @functools.wraps(command)
    def told(*args: Any, server: str | None, store: str, tenant: str, **options: Any) -> Any:
        return command(*args, where=Where(server, store, tenant), **options)

    tenant = click.option("--tenant", default=DEFAULT, show_default=True, help="Whose schedules.")
    return server_option(tenant(store_option(told)))


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
@model_option
@where_option
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
    where: Where,
) -> None:
    """Have TEAM do TASK whenever CRON says, as NAME.

    CRON is five fields, as in '30 9 * * mon-fri', or @hourly, @daily, @weekly, @monthly, @yearly.
    """
    told, caps = dict(pair(one, "an option of a team is NAME=VALUE") for one in options), _limits(limits)

    async def here(host: Host) -> Kept:
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
            limits=caps,
        )
        return await kept.add(host, what)

    async def there(client: AsyncClient) -> Kept:
        more = {"zone": zone, "missed": missed, "options": told, "model": model, "limits": caps}
        return _seen(await client.create_schedule(name, expression, team, task, **more))

    made = where.done(here, there, new=True)
    click.echo(f"{name} is due {_when(made)}", err=True)


@schedule.command("list")
@click.option("--json", "as_json", is_flag=True, help="Each as a line of JSON.")
@where_option
def list_(as_json: bool, where: Where) -> None:
    """List the schedules, and when each is due."""
    for one in where.done(kept.schedules, _all_at):
        if as_json:
            click.echo(msgspec.json.encode(one).decode())
        else:
            what = one.schedule
            task = f"  {cropped(what.task, 40)}" if what.task else ""
            click.echo(harmless(f"{what.name}  {what.cron}  {what.zone}  {_when(one)}  {what.team}{task}"))


@schedule.command("pause")
@click.argument("name")
@where_option
def pause(name: str, where: Where) -> None:
    """Begin nothing by NAME until it is resumed."""
    where.done(lambda host: kept.pause(host, name), lambda client: client.pause_schedule(name))


@schedule.command("resume")
@click.argument("name")
@where_option
def resume(name: str, where: Where) -> None:
    """Go on with NAME after a pause."""
    where.done(lambda host: kept.resume(host, name), lambda client: client.resume_schedule(name))


@schedule.command("remove")
@click.argument("name")
@where_option
def remove(name: str, where: Where) -> None:
    """End NAME; what it has begun goes on."""
    where.done(lambda host: kept.remove(host, name), lambda client: client.delete_schedule(name))


@schedule.command("run")
@click.argument("name")
@where_option
def run(name: str, where: Where) -> None:
    """Begin what NAME is for now, beside its times, and print the id of the run."""

    async def here(host: Host) -> str:
        return await kept.begin(host, name, at=host.clock())

    async def there(client: AsyncClient) -> str:
        return (await client.run_schedule(name)).id

    click.echo(where.done(here, there))


@schedule.command("times")
@click.argument("name")
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 100), help="How many.")
@where_option
def times(name: str, count: int, where: Where) -> None:
    """Print the next times of NAME, by the clocks of its zone."""

    async def here(host: Host) -> tuple[Scheduled, list[float]]:
        what = (await kept.named(host, name)).schedule
        return what, kept.times(what, host.clock(), count)

    async def there(client: AsyncClient) -> tuple[Scheduled, list[float]]:
        shown = _seen(await client.schedule(name))
        return shown.schedule, await client.schedule_times(name, count=count)

    what, found = where.done(here, there)
    for one in found:
        click.echo(_clock(what, one))


async def _all_at(client: AsyncClient) -> list[Kept]:
    """The schedules of a service, as at home."""
    found: list[ScheduleShown] = []
    while True:
        page = await client.schedules(after=found[-1].name if found else "", limit=PAGE)
        found += page
        if len(page) < PAGE:
            return [_seen(one) for one in found]


def _seen(shown: ScheduleShown) -> Kept:
    """A schedule of a service, as at home."""
    what = Scheduled(
        name=shown.name,
        cron=shown.cron,
        team=shown.team,
        task=shown.task,
        zone=shown.zone,
        missed=shown.missed,
        limits=shown.limits,
    )
    return Kept(
        run=shown.run,
        schedule=what,
        status=shown.status,
        due=shown.due,
        version=shown.version,
        by=shown.by,
    )


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
    return f"{_clock(one.schedule, one.due)} (in {_span(one.due - time.time())})"


def _clock(what: Scheduled, moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, zone_of(what.zone)):%Y-%m-%d %H:%M %Z}"


def _span(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 2880 else f"{minutes // 1440} days"


def _limits(given: tuple[str, ...]) -> dict[str, Any]:
    try:
        limits = LIMITS.raised(parsed(" ".join(given)))
    except ValueError as error:
        raise BadInput(str(error)) from error
    return {one.partition("=")[0]: getattr(limits, one.partition("=")[0]) for one in given}
