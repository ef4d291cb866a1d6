"""`coterie diff`: two runs side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import click
import msgspec

from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.letters import cropped, harmless, money
from coterie.kernel.difference import Difference, Parting, Row, Side, difference
from coterie.kernel.values import to_plain
from coterie.shell.run import journal

COLUMN = 46
"""Letters of each side."""
MOST = 40
"""Steps and frames that are shown of each list; --json has all."""


@click.command()
@click.argument("here", metavar="RUN")
@click.argument("there", metavar="OTHER")
@click.option("--json", "as_json", is_flag=True, help="All of it, as JSON.")
@journals_option
@server_option
def diff(here: str, there: str, *, as_json: bool, store: str, server: str | None) -> None:
    """Show RUN and OTHER side by side: what each came to, at which step they part, and what each took."""
    if server:
        found = over(server, store, lambda client: client.diff(here, there))
    else:
        found = asyncio.run(_difference(store, here, there))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(to_plain(found)), indent=2).decode())
    else:
        click.echo(harmless("\n".join(_lines(found))))


async def _difference(place: str, here: str, there: str) -> Difference:
    async with opened_store(place) as store:
        return difference(here, await journal(store, here), there, await journal(store, there))


def _lines(found: Difference) -> Iterator[str]:
    for what, one, other in _figures(found.here, found.there):
        mark = " " if one == other else "*"
        yield f"{mark} {what:<10} {cropped(one, COLUMN):<{COLUMN}}  {cropped(other, COLUMN)}".rstrip()
    yield f"the outcome is {'the same' if found.same_outcome else 'another'}"
    if found.versions:
        yield f"other versions of {', '.join(found.versions)}"
    if found.first is None:
        yield "every step is the same"
    else:
        yield from _partings(found.partings)
    changed = [
        row for row in found.rows if row.here != row.there or row.here_seconds < 0 or row.there_seconds < 0
    ]
    if changed:
        yield f"{'tokens':>9} {'usd':>8} {'seconds':>8}  {'tokens':>9} {'usd':>8} {'seconds':>8}  below"
    yield from (_row(row) for row in changed[:MOST])
    yield from _more(len(changed), "frames")


def _figures(one: Side, other: Side) -> Iterator[tuple[str, str, str]]:
    yield "run", one.run, other.run
    yield "team", one.actor, other.actor
    yield "task", one.task, other.task
    yield "status", one.status, other.status
    yield "answer", one.text or one.failure, other.text or other.failure
    yield "tokens", f"{one.usage.tokens:,}", f"{other.usage.tokens:,}"
    yield "calls", f"{one.usage.requests:,}", f"{other.usage.requests:,}"
    yield "tools", f"{one.usage.tool_calls:,}", f"{other.usage.tool_calls:,}"
    yield "usd", money(one.usage.usd), money(other.usage.usd)
    yield "seconds", f"{one.seconds:.1f}", f"{other.seconds:.1f}"
    yield "at best", f"{one.critical:.1f}", f"{other.critical:.1f}"
    yield "steps", f"{one.steps:,}", f"{other.steps:,}"
    yield "reused", f"{one.reused:,}", f"{other.reused:,}"


def _partings(partings: tuple[Parting, ...]) -> Iterator[str]:
    yield f"they part at {partings[0].path}; {len(partings)} steps are not the same:"
    for one in partings[:MOST]:
        yield f"  {one.path}: {one.how}"
        if one.here_seq >= 0:
            yield f"    [{one.here_seq}] {cropped(one.here, 2 * COLUMN)}"
        if one.there_seq >= 0:
            yield f"    [{one.there_seq}] {cropped(one.there, 2 * COLUMN)}"
    yield from _more(len(partings), "steps")


def _row(row: Row) -> str:
    sides = ((row.here, row.here_seconds), (row.there, row.there_seconds))
    cells = [
        f"{spent.tokens:>9,} {money(spent.usd):>8} {f'{took:.1f}' if took >= 0 else '-':>8}"
        for spent, took in sides
    ]
    return f"{cells[0]}  {cells[1]}  {row.path}"


def _more(count: int, what: str) -> Iterator[str]:
    if count > MOST:
        yield f"  and {count - MOST} more {what}: --json has them"
