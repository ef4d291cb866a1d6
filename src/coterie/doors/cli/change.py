"""`coterie fork`, `replay`, `pause` and `cancel`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec
from msgspec.structs import replace

from coterie.doors.cli import remote
from coterie.doors.cli.governance import policy_of
from coterie.doors.cli.outcome import command, told
from coterie.doors.cli.pairs import pair
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.cli.terminal import Nothing
from coterie.doors.letters import harmless
from coterie.doors.teams import team_of_run
from coterie.errors import BadInput, Diverged
from coterie.kernel.story import opened
from coterie.models.find import find
from coterie.shell import run as shell
from coterie.shell.job import new_id
from coterie.shell.pausing import GRACE
from coterie.testing.sockets import block_sockets
from coterie.words.event import Asked, Record, Settled
from coterie.words.message import Message
from coterie.words.result import Result

if TYPE_CHECKING:
    from coterie.client import AsyncClient

TEAM = "The team, where the run does not remember it."


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--at", type=click.IntRange(1), metavar="N", help="The event from which it may go another way.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="What to change; see above.")
@click.option("--id", "new", metavar="RUN", help="What the fork is to be called.")
@click.option("--team", metavar="TEAM", help=TEAM)
@journals_option
@server_option
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
    server: str | None,
) -> None:
    """Run RUN again from event N under a new id, with something changed.

    KEY is `task`, `value` (what event N comes out as: the answer of a model or a person, or the result of a
    tool), `AGENT.instructions` or `AGENT.model`. Only what depends on the change is done again.
    `coterie show RUN --events` has the numbers, and `coterie diff RUN FORK` shows both side by side.
    """
    given = dict(pair(change, "a change is KEY=VALUE") for change in changes)
    remote.refuse(server, id=new, team=team)
    if server:
        ctx.exit(over(server, store, lambda client: _forked_there(client, name, at, given)))
    ctx.exit(asyncio.run(_forked(store, name, new or new_id(), at, given, team)))


async def _forked_there(client: AsyncClient, name: str, at: int | None, given: dict[str, str]) -> int:
    run = await client.fork(name, at=at, **remote.changes(given.items()))
    click.echo(f"forking run {name} as {run.id}", err=True)
    return await remote.performed(client, run, Nothing(), quiet=False, answer=True)


async def _forked(
    path: str, name: str, new: str, at: int | None, changes: dict[str, str], team: str | None
) -> int:
    async with opened_store(path) as store:
        records = await shell.journal(store, name)
        began = opened(records)
        change: dict[str, Any] = {key: changes.pop(key) for key in ("task", "value") if key in changes}
        if "value" in change:
            change["value"] = _outcome(change["value"], records, at)
        origin = {**began.origin, "set": {**began.origin.get("set", {}), **changes}}
        actor = team_of_run(replace(began, origin=origin), team)
        model = began.origin.get("model")
        options: dict[str, Any] = {**change, "model": None if model is None else find(model)}
        if changes:
            options["origin"] = {"set": origin["set"]}
        click.echo(f"forking run {name} as {new}", err=True)
        result = await shell.fork(
            actor, name, store=store, at=at, new=new, policy=policy_of(began), **options
        )
    click.echo(f"see what it changed: {command('diff', name, path, new)}", err=True)
    return told(result, store=path)


def _outcome(text: str, records: Sequence[Record], at: int | None) -> Any:
    """What event `at` is to come out as: a text where it was one or a message, and JSON where it was something else.

    Raises:
        BadInput: if it is no event of a step, or the text is no JSON where it has to be.
    """
    event = records[at].event if at is not None and at < len(records) else None
    if at is None or (event is not None and not isinstance(event, (Asked, Settled))):
        raise BadInput(
            "value= is what a step comes out as: say which with --at N, an event that asks or gives"
        )
    settled = [one.event for one in records if isinstance(one.event, Settled)]
    was = [one.value for one in settled if event is not None and one.path == event.path]
    if not was or was[-1] is None or isinstance(was[-1], (str, Message)):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadInput(f"event {at} came out as JSON, and {text!r} is none: {error}") from error


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--team", metavar="TEAM", help=TEAM)
@journals_option
@server_option
@click.pass_context
def replay(ctx: click.Context, /, name: str, team: str | None, store: str, server: str | None) -> None:
    """Live the journal of RUN again, with sockets off, and say whether it comes out the same.

    Nothing is performed: no model is asked and no tool is called. Exits with 1 at the first
    difference, and says what it is. A service does it with the team as it has it.
    """
    remote.refuse(server, team=team)
    if server:
        seen = over(server, store, lambda client: client.replay(name))
        if not seen.same:
            click.echo(harmless(f"different: {seen.difference}"), err=True)
            ctx.exit(1)
        click.echo(f"identical: {seen.events} events, {seen.status}")
        return
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
@journals_option
@server_option
def cancel(names: Sequence[str], reason: str, store: str, server: str | None) -> None:
    """Stop the RUNs, whichever process works on them. What was finished stays, and they can be resumed."""
    if server:
        for result in over(server, store, lambda client: remote.stopped(client, names, reason)):
            click.echo(_stopped(result, server))
        return
    asyncio.run(_cancelled(store, names, reason))


async def _cancelled(path: str, names: Sequence[str], reason: str) -> None:
    async with opened_store(path) as store:
        for name in names:
            result = await shell.cancel(name, store=store, reason=reason)
            click.echo(_stopped(result, path))


def _stopped(result: Result, path: str) -> str:
    if result.status in ("running", "waiting", "paused"):
        return f"run {result.id}: told the process that works on it to stop"
    if result.status == "cancelled":
        return f"run {result.id}: cancelled; go on with it: {command('resume', result.id, path)}"
    return f"run {result.id}: ended already, {result.status}"


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--reason", default="paused", show_default=True, help="Why; it is kept in the journal.")
@click.option(
    "--grace", type=click.FloatRange(0), default=GRACE, show_default=True, help="Seconds; see above."
)
@journals_option
@server_option
def pause(names: Sequence[str], reason: str, grace: float, store: str, server: str | None) -> None:
    """Put the RUNs away, whichever process works on them: nothing new is begun until they are resumed.

    What is under way may settle; what has not after the grace is stopped, as in a crash.
    """
    if server:
        for result in over(server, store, lambda client: remote.put_away(client, names, reason, grace)):
            click.echo(_put_away(result, server))
        return
    asyncio.run(_paused(store, names, reason, grace))


async def _paused(path: str, names: Sequence[str], reason: str, grace: float) -> None:
    async with opened_store(path) as store:
        for name in names:
            result = await shell.pause(name, store=store, reason=reason, grace=grace)
            click.echo(_put_away(result, path))


def _put_away(result: Result, path: str) -> str:
    if result.status == "paused":
        return f"run {result.id}: paused; go on with it: {command('resume', result.id, path)}"
    if result.status in ("running", "waiting"):
        return f"run {result.id}: told the process that works on it to pause"
    return f"run {result.id}: ended already, {result.status}"
