"""`coterie usage`: what was used, and what it cost."""

from __future__ import annotations

import asyncio
import calendar
import re
import time
from functools import partial

import click
import msgspec

from coterie.doors.cli import remote
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import opened_store, store_option
from coterie.doors.letters import harmless, money
from coterie.doors.spending import BY, By, lines
from coterie.errors import BadInput
from coterie.kernel.totals import Line, Used, summed
from coterie.shell.run import journal
from coterie.stores.places import DEFAULT, tenants_at
from coterie.words.usage import NOTHING
from coterie.words.which import Which

UNITS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
AGO = re.compile(r"(\d+)([mhdw])")


@click.command()
@click.option("--by", type=click.Choice(BY), default="team", show_default=True, help="What is told apart.")
@click.option(
    "--since",
    default="1d",
    show_default=True,
    metavar="WHEN",
    help="Runs that began since: 30m, 12h, 7d, 4w ago, a day as 2026-11-01 (UTC), or all.",
)
@click.option("--team", default="", metavar="TEAM", help="Only runs of this team.")
@click.option(
    "--tenant",
    metavar="NAME",
    envvar="COTERIE_TENANT",
    show_envvar=True,
    help="Whose runs; by tenant all, else the default one's.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@store_option
@server_option
def usage(
    by: By, since: str, team: str, tenant: str | None, *, as_json: bool, store: str, server: str | None
) -> None:
    """Say what runs used, the dearest first, and all of it together."""
    remote.refuse(server, tenant=tenant)
    moment = began(since, time.time())
    if server:
        found = over(server, store, lambda client: client.usage(by, since=moment, team=team or None))
    else:
        found = summed(asyncio.run(_lines(store, by, moment, team, tenant)))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for row in _table(found):
        click.echo(harmless(row))
    if not found:
        click.echo("nothing was used since then", err=True)


async def _lines(place: str, by: By, since: float, team: str, tenant: str | None) -> list[Line]:
    """What was used by one tenant, or by all that are known at a place."""
    tenants = [tenant] if tenant else tenants_at(place) if by == "tenant" else [DEFAULT]
    found: list[Line] = []
    for one in tenants:
        async with opened_store(place, tenant=one) as store:
            runs = await store.runs(Which(since=since, team=team))
            found += await lines(runs, by, one, partial(journal, store))
    return found


def began(since: str, now: float) -> float:
    """The moment that `--since` means, in seconds since the epoch.

    Raises:
        BadInput: if it means none.
    """
    if since == "all":
        return 0.0
    if ago := AGO.fullmatch(since):
        return now - int(ago[1]) * UNITS[ago[2]]
    try:
        return float(calendar.timegm(time.strptime(since, "%Y-%m-%d")))
    except ValueError as error:
        raise BadInput(f"--since is 30m, 12h, 7d, 4w, a day as 2026-11-01, or all; not {since!r}") from error


def _table(found: list[Used]) -> list[str]:
    heads = f"{'runs':>7} {'tokens in':>12} {'out':>11} {'calls':>8} {'tools':>8} {'usd':>10}  name"
    if len(found) < 2:
        return [heads, *map(_row, found)] if found else []
    together = sum([one.usage for one in found], NOTHING)
    return [heads, *map(_row, found), _row(Used(name="all of it", runs=0, usage=together))]


def _row(one: Used) -> str:
    used = one.usage
    return (
        f"{one.runs or '':>7} {used.input_tokens:>12,} {used.output_tokens:>11,} {used.requests:>8,} "
        f"{used.tool_calls:>8,} {money(used.usd):>10}  {one.name}"
    )
