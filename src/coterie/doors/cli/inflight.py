"""`coterie check --in-flight`: whether runs that have not ended go on with the code there is now."""

from __future__ import annotations

import asyncio

import click
import msgspec

from coterie.actor import Actor
from coterie.doors.cli.store import opened_store
from coterie.doors.letters import harmless
from coterie.doors.teams import team_of, team_of_run
from coterie.shell.inflight import InFlight, in_flight
from coterie.words.event import Opened


def looked_at(store: str, team: str | None, *, as_json: bool) -> int:
    """Say of every run in flight whether it fits; the exit code: 1 if one does not."""
    found = asyncio.run(_looked(store, team))
    misfits = [one for one in found if not one.fits]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return 1 if misfits else 0
    for one in found:
        if not one.fits:
            click.echo(harmless(f"{one.id} ({one.actor}): {one.why}"))
        elif one.migrates:
            how = f"the migration of {', '.join(one.by)}" if one.by else "a migration that its actors accept"
            click.echo(harmless(f"{one.id} ({one.actor}): goes on, by {how}"))
    click.echo(f"{len(found)} in flight, {len(misfits)} of them cannot go on")
    return 1 if misfits else 0


async def _looked(place: str, team: str | None) -> list[InFlight]:
    name = None if team is None else team_of({"team": team}).name

    def actor_of(began: Opened) -> Actor:
        return team_of_run(began, team if began.actor == name else None)

    async with opened_store(place) as store:
        return await in_flight(store, actor_of)
