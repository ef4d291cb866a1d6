"""`coterie fork`, `replay` and `cancel`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import click
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.doors.cli.outcome import command, told
from coterie.doors.cli.store import opened_store, store_option
from coterie.doors.teams import team_of_run
from coterie.errors import BadInput, Diverged
from coterie.kernel.story import opened
from coterie.models.find import find
from coterie.shell import run as shell
from coterie.shell.job import new_id
from coterie.testing.sockets import block_sockets
from coterie.words.result import Result

TEAM = "The team, where the run does not remember it."


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--at", type=click.IntRange(1), metavar="N", help="The event from which it may go another way.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="What to change; see above.")
@click.option("--id", "new", metavar="RUN", help="What the fork is to be called.")
@click.option("--team", metavar="TEAM", help=TEAM)
@store_option
@click.pass_context
def fork(
    ctx: click.Context,
    /,
    name: str,
    at: int | None,
    changes: tuple[str, ...],
    new: str | None,
    team: str | None,
    store: str,
) -> None:
    """Run RUN again from event N under a new id, with something changed.

    KEY is `task`, `value` (what event N comes out as), `AGENT.instructions` or `AGENT.model`.
    Only what depends on the change is done again. `coterie show RUN --events` has the numbers.
    """
    given = dict(_change(change) for change in changes)
    ctx.exit(asyncio.run(_forked(store, name, new or new_id(), at, given, team)))


async def _forked(
    path: str, name: str, new: str, at: int | None, changes: dict[str, str], team: str | None
) -> int:
    async with opened_store(path) as store:
        began = opened(await shell.journal(store, name))
        actor = team_of_run(began, team)
        for key in [key for key in changes if key not in ("task", "value")]:
            alter(actor, key, changes.pop(key))
        model = began.origin.get("model")
        options: dict[str, Any] = {**changes, "model": None if model is None else find(model)}
        click.echo(f"forking run {name} as {new}", err=True)
        result = await shell.fork(actor, name, store=store, at=at, new=new, **options)
    return told(result, store=path)


def alter(actor: Actor, key: str, value: str) -> None:
    """Change the instructions or the model of every agent of one name in a team that was just built.

    Raises:
        BadInput: if there is no such agent, or nothing of it is called that.
    """
    name, _, what = key.rpartition(".")
    found = [agent for agent in _agents(actor, frozenset()) if agent.name == name]
    if not found or what not in ("instructions", "model"):
        names = sorted({agent.name for agent in _agents(actor, frozenset())})
        keys = "task, value, AGENT.instructions or AGENT.model"
        raise BadInput(f"cannot set {key!r}: a key is {keys}, and the agents are {names}")
    for agent in found:
        if what == "model":
            agent.model_name, agent.model = value, find(value)
        else:
            agent.instructions = value
            agent.brief = replace(agent.brief, instructions=value)


def _agents(actor: Actor, above: frozenset[int]) -> Iterator[Agent]:
    if isinstance(actor, Agent):
        yield actor
    if id(actor) not in above:
        for member in actor.members:
            yield from _agents(member, above | {id(actor)})


def _change(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise BadInput(f"a change is KEY=VALUE, not {text!r}")
    return key, value


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--team", metavar="TEAM", help=TEAM)
@store_option
@click.pass_context
def replay(ctx: click.Context, /, name: str, team: str | None, store: str) -> None:
    """Live the journal of RUN again, with sockets off, and say whether it comes out the same.

    Nothing is performed: no model is asked and no tool is called. Exits with 1 at the first
    difference, and says what it is.
    """
    try:
        result, events = asyncio.run(_replayed(store, name, team))
    except Diverged as difference:
        click.echo(f"different: {difference}", err=True)
        ctx.exit(1)
    click.echo(f"identical: {events} events, {result.status}")


async def _replayed(path: str, name: str, team: str | None) -> tuple[Result, int]:
    async with opened_store(path) as store:
        records = await shell.journal(store, name)
        actor = team_of_run(opened(records), team)
        with block_sockets():
            return await shell.replay(actor, name, store=store), len(records)


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--reason", default="cancelled", show_default=True, help="Why; it is kept in the journal.")
@store_option
def cancel(names: Sequence[str], reason: str, store: str) -> None:
    """Stop the RUNs, whichever process works on them. What was finished stays, and they can be resumed."""
    asyncio.run(_cancelled(store, names, reason))


async def _cancelled(path: str, names: Sequence[str], reason: str) -> None:
    async with opened_store(path) as store:
        for name in names:
            result = await shell.cancel(name, store=store, reason=reason)
            click.echo(_stopped(result, path))


def _stopped(result: Result, path: str) -> str:
    if result.status in ("running", "waiting"):
        return f"run {result.id}: told the process that works on it to stop"
    if result.status == "cancelled":
        return f"run {result.id}: cancelled; go on with it: {command('resume', result.id, path)}"
    return f"run {result.id}: ended already, {result.status}"
