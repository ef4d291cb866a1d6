"""`coterie standing`: agents that a service keeps, from the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import store_option
from coterie.doors.letters import cropped, harmless
from coterie.errors import BadInput

if TYPE_CHECKING:
    from coterie.client import AsyncClient
    from coterie.words.standing import Letter

WIDE = 100
"""Letters of a message that a list shows."""
PATIENCE = 60.0
"""Seconds for which a reply is waited for."""


@click.group()
def standing() -> None:
    """Keep agents at a service, tell them things, and read what became of that."""


def _at(server: str | None) -> str:
    if server is None:
        raise BadInput("standing agents are kept by a service: say which with --server, or COTERIE_SERVER")
    return server


@standing.command("list")
@server_option
@store_option
def list_standing(server: str | None, store: str) -> None:
    """List the agents that the service keeps."""

    async def work(client: AsyncClient) -> None:
        after = ""
        while True:
            page = await client.agents(after=after, limit=500)
            for one in page.agents:
                click.echo(
                    harmless(f"{one.name}  {cropped(one.description or one.instructions, WIDE)}".rstrip())
                )
            if page.next is None:
                return
            after = page.next

    over(_at(server), store, work)


@standing.command()
@click.argument("name")
@click.option("--instructions", default="", help="What it is told; @FILE for what a file says.")
@click.option("--description", default="", help="What it is for.")
@click.option("--model", help="One of the models that the service offers.")
@click.option("--tool", "tools", multiple=True, help="A tool that the service offers.")
@click.option("--topic", "topics", multiple=True, help="A pattern of topics that it hears.")
@click.option(
    "--busy", type=click.Choice(["queue", "reject", "interrupt"]), default="queue", show_default=True
)
@click.option("--no-memory", is_flag=True, help="It recalls and remembers nothing.")
@server_option
@store_option
def create(
    name: str,
    instructions: str,
    tools: tuple[str, ...],
    topics: tuple[str, ...],
    server: str | None,
    store: str,
    *,
    no_memory: bool,
    **options: Any,
) -> None:
    """Keep an agent under NAME; it takes messages from now on."""
    told = Path(instructions[1:]).read_text() if instructions.startswith("@") else instructions
    more = {"tools": list(tools), "topics": list(topics), "memory": not no_memory, **options}

    async def work(client: AsyncClient) -> None:
        made = await client.create_agent(name, told, **more)
        click.echo(f"{made.name} is kept, in version {made.version}", err=True)

    over(_at(server), store, work)


@standing.command()
@click.argument("name")
@click.argument("text")
@click.option(
    "--priority", type=click.Choice(["low", "normal", "high", "urgent"]), default="normal", show_default=True
)
@click.option("--no-wait", is_flag=True, help="Do not wait for the reply.")
@server_option
@store_option
def tell(name: str, text: str, priority: str, server: str | None, store: str, *, no_wait: bool) -> None:
    """Say TEXT to the agent NAME, and print its reply. Exits with 1 if there is none (yet)."""

    async def work(client: AsyncClient) -> Letter:
        return await client.tell(name, text, priority=priority, wait=0.0 if no_wait else PATIENCE)

    said = over(_at(server), store, work)
    if said.state in ("succeeded", "unverified"):
        click.echo(harmless(said.reply))
        return
    click.echo(harmless(f"message {said.number}: {said.state} {said.reply}".rstrip()), err=True)
    if not no_wait:
        raise click.exceptions.Exit(1)


@standing.command()
@click.argument("name")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100), help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Each as a line of JSON.")
@server_option
@store_option
def messages(name: str, limit: int, server: str | None, store: str, *, as_json: bool) -> None:
    """List what was said to the agent NAME and what became of it, the newest first."""

    async def work(client: AsyncClient) -> list[Letter]:
        return await client.messages(name, limit=limit)

    for one in over(_at(server), store, work):
        if as_json:
            click.echo(msgspec.json.encode(one).decode())
        else:
            click.echo(
                harmless(f"{one.number}  {one.state}  {one.by or one.topic}: {cropped(one.text, WIDE)}")
            )
            if one.reply:
                click.echo(f"    {cropped(one.reply, WIDE)}")


@standing.command()
@click.argument("name")
@server_option
@store_option
def state(name: str, server: str | None, store: str) -> None:
    """Say what the agent NAME does now."""

    async def work(client: AsyncClient) -> str:
        now = await client.agent_state(name)
        run = f" on run {now.run}" if now.run else ""
        return f"{now.state}{run}, {now.queued} waiting, {now.turns} turns"

    click.echo(over(_at(server), store, work))


@standing.command()
@click.argument("name")
@server_option
@store_option
def delete(name: str, server: str | None, store: str) -> None:
    """Stop the agent NAME, and delete it with its mailbox and its memory; its runs stay."""
    over(_at(server), store, lambda client: client.delete_agent(name))
    click.echo(f"{name} is gone", err=True)
