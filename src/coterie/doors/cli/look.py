"""`coterie runs` and `show`: reading, which changes nothing."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

import click
import msgspec

from coterie.doors.cli import remote
from coterie.doors.cli.outcome import command, told
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.cli.terminal import grown, look_of
from coterie.doors.events import event_data, event_line
from coterie.doors.letters import Look, cropped, harmless, money
from coterie.doors.tree import timeline, tree_lines
from coterie.kernel.story import closed, graph, mail, opened, result, state, transcript, usage
from coterie.shell.run import journal
from coterie.words.event import Record
from coterie.words.result import Overview
from coterie.words.which import Which


@click.command()
@click.option(
    "-n", "count", type=click.IntRange(1), default=20, show_default=True, help="How many, the newest first."
)
@click.option("--search", default="", metavar="WORDS", help="Only those whose task has words that begin so.")
@journals_option
@server_option
def runs(count: int, search: str, store: str, server: str | None) -> None:
    """List the runs in a store, or of a service, the newest first."""
    if server:
        found = over(server, store, lambda client: remote.listed(client, count, search))
    else:
        found = asyncio.run(_runs(store, Which(limit=count + 1, words=search)))
    width = look_of(sys.stdout).width
    for overview in found[:count]:
        click.echo(_row(overview, width))
    if not found:
        click.echo("no runs yet" if not search else f"no run has {search!r} in its task", err=True)
    elif len(found) > count:
        click.echo(f"and older ones: -n {count * 2} shows more", err=True)


async def _runs(path: str, which: Which) -> list[Overview]:
    async with opened_store(path) as store:
        return await store.runs(which)


def _row(seen: Overview, width: int) -> str:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(seen.started))
    row = f"{seen.id:<22} {seen.status:<15} {when} {seen.events:>6}  {seen.actor}: {seen.task}"
    return cropped_row(row, width)


def cropped_row(row: str, width: int) -> str:
    """A row of a table in the columns there are, on one line whatever is in it."""
    line = harmless(row).replace("\n", " ").replace("\t", " ")
    return line[: max(width - 1, 20)].rstrip()


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--transcript", "said", is_flag=True, help="What was said, oldest first.")
@click.option("--messages", is_flag=True, help="What the agents wrote to one another, and who to whom.")
@click.option("--agent", default="", metavar="NAME", help="With --messages: only those to or from NAME.")
@click.option("--usage", "cost", is_flag=True, help="What was spent below each frame.")
@click.option("--timeline", "times", is_flag=True, help="A bar a frame over the time that the run took.")
@click.option("--events", is_flag=True, help="Every event, a line each.")
@click.option("--json", "as_json", is_flag=True, help="Every event, a line of JSON each.")
@journals_option
@server_option
def show(
    name: str,
    *,
    said: bool,
    messages: bool,
    agent: str,
    cost: bool,
    times: bool,
    events: bool,
    as_json: bool,
    store: str,
    server: str | None,
) -> None:
    """Show what happened in RUN: its tree and its result, or what the options ask for."""
    if server:
        records, status = over(server, store, lambda client: remote.journal(client, name))
    else:
        records, status = asyncio.run(_journal(store, name))
    look = look_of(sys.stdout)
    if as_json:
        lines = [msgspec.json.encode(event_data(record)).decode() for record in records]
    elif events:
        lines = [event_line(record, records[0].time) for record in records]
    elif said:
        lines = _transcript(records)
    elif messages or agent:
        lines = _mail(records, agent)
    elif cost:
        lines = _usage(records)
    elif times:
        lines = timeline(grown(records).root, records[-1].time, look)
    else:
        _show(name, records, status, look, server or store)
        return
    click.echo("\n".join(lines))


async def _journal(path: str, run: str) -> tuple[list[Record], str]:
    """The journal of a run, and where it stands: only the store knows whether anybody works on it."""
    async with opened_store(path) as store:
        records = await journal(store, run)
        if closed(records) is not None:
            return records, state(records)
        return records, (await store.runs(Which(id=run)))[0].status


def _show(name: str, records: Sequence[Record], status: str, look: Look, store: str) -> None:
    tree = tree_lines(grown(records).root, records[-1].time, msgspec.structs.replace(look, height=0))
    click.echo("\n".join([f"task: {cropped(opened(records).task, look.width - 8)}", *tree]))
    if status == "running":
        click.echo(f"running, at event {records[-1].seq}")
    elif closed(records) is None:
        click.echo(f"{status}, at event {records[-1].seq}: go on with it: {command('resume', name, store)}")
    else:
        told(result(name, records), store=store)


def _transcript(records: Sequence[Record]) -> list[str]:
    began = records[0].time
    lines: list[str] = []
    for line in transcript(records):
        lines.append(f"[{line.seq}] {line.time - began:.1f} s  {line.path or 'the task'}  {line.sender}:")
        lines += [f"    {row}" for row in harmless(line.text).splitlines()]
    return lines


def _mail(records: Sequence[Record], agent: str) -> list[str]:
    """The messages between agents, and below them who talked to whom how often."""
    began = records[0].time
    lines: list[str] = []
    for one in mail(records, agent=agent):
        said = one.envelope
        lines.append(
            f"[{one.seq}] {one.time - began:.1f} s  {said.sender} -> {said.recipient}  {said.intent}:"
        )
        lines += [f"    {row}" for row in harmless(str(said.body)).splitlines()]
    pairs = sorted((-count, *pair) for pair, count in graph(records).items() if not agent or agent in pair)
    lines += [f"{-less:>6,}  {sender} -> {recipient}" for less, sender, recipient in pairs]
    return [harmless(line) for line in lines]


def _usage(records: Sequence[Record]) -> list[str]:
    spent = usage(records)
    rows = [f"{'tokens in':>10} {'cached':>9} {'out':>8} {'calls':>6} {'tools':>6} {'usd':>9}  below"]
    rows += [
        f"{one.input_tokens:>10,} {one.cache_read_tokens:>9,} {one.output_tokens:>8,} {one.requests:>6,} "
        f"{one.tool_calls:>6,} {money(one.usd):>9}  {path or 'the whole run'}"
        for path, one in spent.items()
    ]
    if hits := spent[""].cache_hits:
        rows.append(f"{hits:,} model calls were answered by a cache, for nothing")
    return rows
