"""`coterie redact` and `coterie prune`: what a store is to keep no longer."""

from __future__ import annotations

import asyncio
import getpass
import re
import time
from collections.abc import Callable
from typing import Any

import click

from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.letters import harmless
from coterie.errors import BadInput
from coterie.shell import retention
from coterie.words.event import Signalled
from coterie.words.pruned import Pruned
from coterie.words.result import Overview
from coterie.words.retention import Retention

UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONG = re.compile(rf"([0-9]+(?:\.[0-9]+)?)({'|'.join(UNITS)})")


def seconds_in(text: str) -> float:
    """How many seconds a time like `90d` or `12h` has.

    Raises:
        BadInput: if it is none.
    """
    found = _LONG.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"{text!r} is no time: a number and one of {', '.join(UNITS)}, as in 90d")
    return float(found[1]) * UNITS[found[2]]


def _rule(_: click.Context, __: click.Parameter, given: str | None) -> Retention | None:
    return None if given is None else Retention(older=seconds_in(given))


def retention_option(command: Callable[..., Any]) -> Any:
    """Give a command `retention`, the rule by which it lets go of runs while it works; None for none."""
    return click.option(
        "--prune-after",
        "retention",
        metavar="TIME",
        callback=_rule,
        help="Let go of runs that ended longer ago than this, as 90d; every hour.",
    )(command)


def _who() -> str:
    """Who gives the command, as far as this machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


@click.command()
@click.argument("run")
@click.option("--event", "events", multiple=True, type=click.IntRange(0), metavar="N", help="Event N.")
@click.option("--text", default="", help="Every event that says this.")
@click.option("--all", "whole", is_flag=True, help="All that was said in the run.")
@click.option("--by", default=_who, help="Who takes it out; you, unless said otherwise.")
@click.option("--why", default="", help="Why, for whoever reads the journal.")
@journals_option
def redact(
    run: str, *, events: tuple[int, ...], text: str, whole: bool, by: str, why: str, store: str
) -> None:
    """Take out, for good, what was said in RUN: texts, arguments, results and files become tombstones.

    Who did what, when and at what cost stays, and so does the chain: `coterie verify RUN` still holds, and says what
    was taken out. A redacted run can be read, and not gone on with. Exports and backups are not touched.
    """

    async def done() -> Signalled:
        async with opened_store(store) as kept:
            return await retention.redact(kept, run, events, text=text, all=whole, by=by, why=why)

    said = asyncio.run(done())
    numbers = ", ".join(map(str, said.value["events"]))
    click.echo(f"taken out of {run}: what events {numbers} said")


@click.command()
@click.option("--older-than", "older", metavar="TIME", help="Runs that ended longer ago than this, as 90d.")
@click.option("--status", "statuses", multiple=True, help="Only those that ended like this, as failed.")
@click.option("--keep", default=0, type=click.IntRange(0), metavar="N", help="The newest N of them stay.")
@click.option("--dry-run", is_flag=True, help="Say which, and let go of none.")
@click.option("--log", is_flag=True, help="Say what was let go of so far, when, and by whom.")
@click.option("--by", default=_who, help="Who lets go of them; you, unless said otherwise.")
@click.option("--why", default="", help="Why, for whoever asks later.")
@journals_option
def prune(
    *,
    older: str | None,
    statuses: tuple[str, ...],
    keep: int,
    dry_run: bool,
    log: bool,
    by: str,
    why: str,
    store: str,
) -> None:
    """Let go of runs that have ended, and of what only they needed. Runs that go on, or wait, are never touched.

    That there was a run, how it ended, its hash, and who let go of it when is kept: see it with --log.
    """
    if log:
        _tell(asyncio.run(_logged(store)))
        return
    if older is None:
        raise BadInput("which runs? coterie prune --older-than 90d")
    rule = Retention(older=seconds_in(older), statuses=statuses, keep=keep)
    if dry_run:
        for seen in asyncio.run(_due(store, rule)):
            click.echo(harmless(f"{seen.id}  {seen.status}  {_when(seen.updated)}  {seen.team}"))
        return
    gone = asyncio.run(_pruned(store, rule, by, why))
    click.echo(f"let go of {len(gone)} run{'' if len(gone) == 1 else 's'}")


async def _logged(place: str) -> list[Pruned]:
    async with opened_store(place) as store:
        return await store.pruned()


async def _due(place: str, rule: Retention) -> list[Overview]:
    async with opened_store(place) as store:
        return await retention.due(store, rule)


async def _pruned(place: str, rule: Retention, by: str, why: str) -> list[Pruned]:
    async with opened_store(place) as store:
        return await retention.prune(store, rule, by=by, why=why)


def _tell(gone: list[Pruned]) -> None:
    for one in gone:
        why = f": {one.why}" if one.why else ""
        click.echo(
            harmless(
                f"{_when(one.at)}  {one.run}  {one.team}, {one.status}, {one.events} events, "
                f"{one.head[:16] or 'no hash'}  by {one.by or 'nobody who said so'}{why}"
            )
        )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))
