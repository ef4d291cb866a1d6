"""`coterie approvals`, `approve`, `deny` and `answer`: what runs ask people, answered from any terminal."""

from __future__ import annotations

import asyncio
import getpass
import time
from typing import TYPE_CHECKING, Any

import click
import msgspec

from coterie.doors.cli import remote
from coterie.doors.cli.governance import policy_of
from coterie.doors.cli.outcome import command
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.letters import cropped, harmless
from coterie.doors.teams import team_of_run
from coterie.errors import BadInput
from coterie.kernel.inquiries import Inquiry
from coterie.kernel.replay import PERMISSION
from coterie.kernel.story import opened
from coterie.kernel.values import to_plain
from coterie.shell.host import Host
from coterie.words.effect import Ask
from coterie.words.result import Result

if TYPE_CHECKING:
    from coterie.client import AsyncClient

_AS = "Who answers; kept with the answer. A service knows by the token."


@click.command()
@journals_option
@server_option
@click.option("--json", "as_json", is_flag=True, help="Each as a line of JSON.")
def approvals(store: str, server: str | None, *, as_json: bool) -> None:
    """List what runs wait for people to approve, answer or decide, the oldest first."""
    for asked in over(server, store, _there) if server else asyncio.run(_open(store)):
        line = msgspec.json.encode(to_plain(asked)).decode() if as_json else _shown(asked, server or store)
        click.echo(line)


@click.command()
@click.argument("id")
@click.option("--with", "arguments", metavar="JSON", help="Other arguments for the tool, as an object.")
@click.option("--as", "by", default=getpass.getuser, help=_AS)
@journals_option
@server_option
@click.pass_context
def approve(
    ctx: click.Context, /, id: str, arguments: str | None, by: str, store: str, server: str | None
) -> None:
    """Approve the use of a tool, as it is asked or with other arguments; the run goes on."""
    ctx.exit(_answered(store, server, id, _object(arguments) if arguments else "approve", by, approval=True))


@click.command()
@click.argument("id")
@click.argument("why", default="")
@click.option("--as", "by", default=getpass.getuser, help=_AS)
@journals_option
@server_option
@click.pass_context
def deny(ctx: click.Context, /, id: str, why: str, by: str, store: str, server: str | None) -> None:
    """Deny the use of a tool; its agent is told WHY, and the run goes on without it."""
    ctx.exit(_answered(store, server, id, f"deny: {why}" if why else "deny", by, approval=True))


@click.command()
@click.argument("id")
@click.argument("value")
@click.option("--as", "by", default=getpass.getuser, help=_AS)
@journals_option
@server_option
@click.pass_context
def answer(ctx: click.Context, /, id: str, value: str, by: str, store: str, server: str | None) -> None:
    """Answer a question, or decide about a step in doubt or a limit; the run goes on."""
    ctx.exit(_answered(store, server, id, value, by))


def _answered(store: str, server: str | None, id: str, value: Any, by: str, *, approval: bool = False) -> int:
    if server:
        result, left = over(
            server, store, lambda client: remote.answered(client, id, value, approval=approval)
        )
    else:
        result, left = asyncio.run(_answer(store, id, value, by, approval=approval))
    if result.message is not None:
        click.echo(harmless(result.text))
    click.echo(f"{result.status}, run {result.id}", err=True)
    for asked in left:
        click.echo(_shown(asked, server or store), err=True)
    return {"succeeded": 0, "waiting": 0}.get(result.status, 1)


async def _there(client: AsyncClient) -> list[Inquiry]:
    return [remote.inquiry(one) for one in await client.approvals()]


async def _open(path: str) -> list[Inquiry]:
    async with opened_store(path) as store:
        return await Host(store, actor_of=team_of_run).questions()


async def _answer(path: str, id: str, value: Any, by: str, *, approval: bool) -> tuple[Result, list[Inquiry]]:
    """Answer, and perform the run until it ends or waits again, unless another process does.

    Gives what it came to, and the questions that are left.
    """
    async with opened_store(path) as store:
        run = id.rpartition(".")[0]
        records = await store.read(run)
        policy = policy_of(opened(records)) if records else None
        host = Host(store, actor_of=team_of_run, policy=policy)
        asked = await host.inquiry(id)
        if approval and asked.ask.about == PERMISSION:
            value = str(value).partition(":")[0]
        elif approval and asked.ask.about != "approval":
            raise BadInput(
                f"{id!r} is a {asked.ask.about}, no approval: `coterie answer {id} ...` answers it"
            )
        await host.answer(id, value, by)
        result = await host.wait(asked.run)
        return result, [one for one in await host.questions() if one.run == asked.run]


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"--with is a JSON object with the tool's arguments, not {text!r}: {error}") from error


def _shown(asked: Inquiry, place: str) -> str:
    waited = _ago(time.time() - asked.since)
    to = f" to {asked.ask.to}" if asked.ask.to else ""
    head = f"{asked.id}  {asked.ask.about}{to}, for {waited}, at {asked.path}"
    paused = f"\n    paused; first: {command('resume', asked.run, place)}" if asked.paused else ""
    return harmless(f"{head}\n    {cropped(asked.ask.question, 400)}{_choices(asked.ask)}{paused}")


def _choices(ask: Ask) -> str:
    return f" [{' / '.join(ask.choices)}]" if ask.choices else ""


def _ago(seconds: float) -> str:
    """How long, in the largest unit that says something."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
