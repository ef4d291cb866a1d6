"""`coterie agents` and `coterie card`: agents elsewhere, by what their cards say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coterie.errors import MissingExtra

if TYPE_CHECKING:
    from coterie.remote.registry import Found

PRIVATE = "A host, address or network that a card may name though it is not public."


@click.group()
def agents() -> None:
    """Find agents that live elsewhere."""


@agents.command()
@click.argument("urls", nargs=-1)
@click.option(
    "--list", "files", multiple=True, type=click.Path(path_type=Path), help="A file with an address a line."
)
@click.option("--can", default="", help="Only those that say that they can do this.")
@click.option("--private", multiple=True, help=PRIVATE)
def discover(urls: tuple[str, ...], files: tuple[Path, ...], can: str, private: tuple[str, ...]) -> None:
    """Say what the agents at URLS, or in a --list, can do."""
    from coterie.remote.registry import listed

    wanted = [*urls, *(url for file in files for url in listed(file))]
    if not wanted:
        raise click.UsageError("which agents? Name their URLs, or a file of them with --list")
    found = _discovered(wanted, private)
    shown = [one for one in found if not one.problem and one.fits(can)]
    for one in shown:
        _show(one)
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
        from coterie.remote.registry import found_of
    except ModuleNotFoundError as error:
        raise MissingExtra.of("a2a", "`coterie card`") from error
    there = place.startswith(("http://", "https://"))
    card = asyncio.run(at_address(place, private)) if there else in_file(Path(place))
    if keys is not None:
        verified(card, keys, place)
    return found_of(card, place)


def _discovered(urls: list[str], private: tuple[str, ...]) -> list[Found]:
    try:
        from coterie.remote.registry import discovered
    except ModuleNotFoundError as error:
        raise MissingExtra.of("a2a", "`coterie agents`") from error
    return asyncio.run(discovered(urls, private))


def _show(found: Found) -> None:
    click.echo(f"{found.name} {found.version}  {found.url}")
    click.echo(f"  {found.description.partition(chr(10))[0]}")
    for one in found.interfaces:
        click.echo(f"  {one}")
    for skill in found.skills:
        click.echo(f"  can: {skill.name} ({', '.join(skill.tags)})")
    marks = [name for name, holds in (("signed", found.signed), ("streams", found.streaming)) if holds]
    click.echo(f"  wants: {', '.join(found.schemes) or 'nothing'}; {', '.join(marks)}")
