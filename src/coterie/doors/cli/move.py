"""`coterie move`: the runs of one store to another, when one machine is not enough, or is enough again."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack

import click

from coterie.doors.cli.store import opened_store
from coterie.errors import BadInput
from coterie.shell import moving
from coterie.shell.moving import Moved
from coterie.stores.places import DEFAULT, ledgers_at, shown, store_at

_NAMED = 20
"""Runs that stay that are named."""


@click.command()
@click.option(
    "--from", "source", required=True, metavar="PATH", help="Where they are: a file, or postgresql://..."
)
@click.option("--to", "target", required=True, metavar="PATH", help="Where they are to be.")
@click.option("--tenant", default=DEFAULT, show_default=True, help="Whose.")
@click.option("--copy", is_flag=True, help="Leave them where they are, too: then only runs that have ended.")
def move(source: str, target: str, tenant: str, *, copy: bool) -> None:
    """Move all runs of a store to another, each checked there before it is let go of here.

    Stop what serves the store first: a run that somebody performs stays, and the exit code is 1. Killed in the
    middle, do it again. What is kept beside the runs (agents and teams of a service, topics, boards) goes with them.
    """
    if source == target:
        raise BadInput("--from and --to are the same place")
    found, ledgers = asyncio.run(_all_of_it(source, target, tenant, copy=copy))
    stay = [one for one in found if one.why]
    for one in stay[:_NAMED]:
        click.echo(f"stays: {one.run}: {one.why}", err=True)
    done = "copied" if copy else "moved"
    click.echo(
        f"{len(found) - len(stay)} runs and {ledgers} ledgers {done} to {shown(target)}, {len(stay)} stay"
    )
    if stay:
        sys.exit(1)


async def _all_of_it(source: str, target: str, tenant: str, *, copy: bool) -> tuple[list[Moved], int]:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(opened_store(source, tenant=tenant))
        there = store_at(target, tenant)
        stack.push_async_callback(there.close)
        found = await moving.move(
            here, there, at=time.time(), where=shown(target), by="coterie move", copy=copy
        )
        beside, new = ledgers_at(source, tenant), ledgers_at(target, tenant)
        stack.push_async_callback(beside.close)
        stack.push_async_callback(new.close)
        return found, await moving.move_ledgers(beside, new, copy=copy)
