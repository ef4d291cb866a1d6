"""`coterie agents` and `coterie card`: agents elsewhere, by what their cards say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from coterie.errors import MissingExtra

if TYPE_CHECKING:
    from coterie.remote.registry import Found

PRIVATE = "A host, address or network that a card may name though it is not public."


@click.group()
def agents() -> None:
    """Find agents that live elsewhere."""


@agents.command()
@click.argument("places", nargs=-1)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="PLACE",
    help="A file or URL with an address a line, or a service.",
)
@click.option("--can", default="", help="Only those that say that they can do this.")
@click.option("--json", "as_json", is_flag=True, help="An object a line, for programs.")
@click.option("--private", multiple=True, help=PRIVATE)
def discover(
    places: tuple[str, ...], lists: tuple[str, ...], can: str, as_json: bool, private: tuple[str, ...]
) -> None:
    """Say what the agents at PLACES (URLs, or files with cards), or in a --list, can do."""
    if not (places or lists):
        raise click.UsageError("which agents? Name their URLs or cards, or a list of them with --list")
    found = _discovered(places, lists, private)
    shown = [one for one in found if not one.problem and one.fits(can)]
    for one in shown:
        _tell(one) if as_json else _show(one)
    for one in found:
        if one.problem:
            click.echo(f"{one.url}: {one.problem}", err=True)
    if not shown:
        click.echo("no agent of that kind was found", err=True)
        raise SystemExit(1)


@click.group()
def card() -> None:
    """Look at the card of an agent."""


@card.command()
@click.argument("place")
@click.option("--keys", help="A JSON Web Key Set: the card has to be signed by one of its keys.")
@click.option("--private", multiple=True, help=PRIVATE)
def check(place: str, keys: str | None, private: tuple[str, ...]) -> None:
    """Say what is wrong with the card at PLACE, a file or a URL; exit 1 if anything is."""
    from coterie.remote.registry import complaints

    found = _at(place, keys, private)
    _show(found)
    problems = complaints(found)
    for problem in problems:
        click.echo(f"- {problem}", err=True)
    if problems:
        raise SystemExit(1)
    click.echo(f"the card is in order{', and signed by a key of yours' if keys else ''}")


def _at(place: str, keys: str | None, private: tuple[str, ...]) -> Found:
    try:
        from coterie.remote.cards import at_address, in_file, verified
        from coterie.remote.registry import found_of, is_address
    except ModuleNotFoundError as error:
        raise MissingExtra.of("a2a", "`coterie card`") from error
    card = asyncio.run(at_address(place, private)) if is_address(place) else in_file(Path(place))
    if keys is not None:
        verified(card, keys, place)
    return found_of(card, place)


def _discovered(places: tuple[str, ...], lists: tuple[str, ...], private: tuple[str, ...]) -> list[Found]:
    try:
        from coterie.remote.registry import discovered, registered
    except ModuleNotFoundError as error:
        raise MissingExtra.of("a2a", "`coterie agents`") from error

    async def all_of_them() -> list[Found]:
        found = await discovered(places, private)
        for one in lists:
            found += await registered(one, private)
        return found

    return asyncio.run(all_of_them())


def _tell(found: Found) -> None:
    click.echo(msgspec.json.encode(found).decode())


def _show(found: Found) -> None:
    click.echo(f"{found.name} {found.version}  {found.url}")
    click.echo(f"  {found.description.partition(chr(10))[0]}")
    for one in found.interfaces:
        click.echo(f"  {one}")
    for skill in found.skills:
        click.echo(f"  can: {skill.name} ({', '.join(skill.tags)})")
    holds = {"signed": found.signed, "streams": found.streaming, "pushes": found.push}
    marks = [name for name, so in holds.items() if so]
    click.echo(f"  wants: {', '.join(found.schemes) or 'nothing'}; {', '.join(marks)}")
