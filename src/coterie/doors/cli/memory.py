"""`coterie memory`: what is remembered beyond runs, from the terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coterie.doors.cli.remote import over, refuse, server_option
from coterie.doors.letters import cropped, harmless
from coterie.errors import BadInput
from coterie.kernel.values import to_plain
from coterie.memory import Memory
from coterie.recall import HOW_MANY
from coterie.words.memory import By, Recalled
from coterie.words.place import is_shared
from coterie.words.principal import Principal

if TYPE_CHECKING:
    from coterie.doors.http.api.kept import MemoryShown

T = TypeVar("T")
PLACE = ".coterie/memory.db"
BESIDE = ".coterie/runs.db"
"""The store beside which a service on this machine keeps its token."""
_SHOWN = 300
_TAGS = "A tag; may be given several times."

memory_option: Callable[[Any], Any] = click.option(
    "--memory",
    "place",
    metavar="PATH",
    default=PLACE,
    envvar="COTERIE_MEMORY",
    show_default=True,
    show_envvar=True,
    help="Where it is kept: a file, or postgresql://HOST/DATABASE.",
)
_as_option: Callable[[Any], Any] = click.option(
    "--as", "who", default="local", show_default=True, help="Whose memory it is."
)
_words_option: Callable[[Any], Any] = click.option(
    "--words", is_flag=True, help="By words only: no embedding model is asked."
)
_json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Each as a line of JSON."
)


@click.group()
def memory() -> None:
    """Add to what is remembered, search it, and forget it."""


@memory.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
@click.option("--text", help="Remember this text.")
@click.option("--key", default="", help="Its key: the same key again replaces it.")
@click.option("--tag", "tags", multiple=True, help=_TAGS)
@click.option(
    "--share", "shared", multiple=True, metavar="NAME", help="Who may read it: NAME, @GROUP or '*'."
)
@_words_option
@memory_option
@_as_option
@server_option
def add(
    paths: tuple[str, ...],
    text: str | None,
    key: str,
    tags: tuple[str, ...],
    shared: tuple[str, ...],
    place: str,
    who: str,
    server: str | None,
    *,
    words: bool,
) -> None:
    """Remember the texts below folders, or one --text. A folder that is added again is brought up to date."""
    if server is not None and text is not None:
        _refuse(server, who, words)
        said = dict[str, Any](key=key, tags=list(tags), shared=list(shared))
        click.echo(over(server, BESIDE, lambda client: client.remember(text, **said)))
        return
    refuse(server, folders=paths)
    if bool(paths) == (text is not None) or not all(Path(path).is_dir() for path in paths):
        raise BadInput("give folders to add, or one --text")

    async def work(memory: Memory) -> None:
        if text is not None:
            click.echo(await memory.remember(text, key=key, tags=tags, shared=shared, source=f"person {who}"))
        for path in paths:
            began = time.monotonic()
            count = await memory.add_folder(path, tags=tags, shared=shared, told=_progress)
            took = time.monotonic() - began
            click.echo(f"{count} passages of {path} in {took:.1f} s, {_ways(memory)}", err=True)

    _with(place, who, work, new=True, words=words)


@memory.command()
@click.argument("query")
@click.option("--limit", default=HOW_MANY, show_default=True, help="How many at most.")
@click.option("--tag", "tags", multiple=True, help=_TAGS)
@click.option("--source", default="", help="Only what comes from where this begins.")
@click.option("--minutes", type=float, help="Only what is no older.")
@_json_option
@_words_option
@memory_option
@_as_option
@server_option
@click.option("--of", help="With --server: a standing agent, whose memory is searched.")
def search(
    query: str,
    limit: int,
    tags: tuple[str, ...],
    source: str,
    minutes: float | None,
    place: str,
    who: str,
    server: str | None,
    of: str | None,
    *,
    as_json: bool,
    words: bool,
) -> None:
    """Find what fits QUERY best, by meaning and by words. Exits with 1 if there is nothing."""
    if server is not None:
        _refuse(server, who)
        asked = dict[str, Any](tags=tags, source=source, minutes=minutes, limit=limit, of=of)
        by: By = "words" if words else "both"
        page = over(server, BESIDE, lambda client: client.recall(query, by=by, **asked))
        _say(page.memories, as_json=as_json)
        if not page.memories:
            raise click.exceptions.Exit(1)
        return

    async def work(memory: Memory) -> int:
        found = await memory.recall(query, limit=limit, tags=tags, source=source, minutes=minutes)
        _say(found, as_json=as_json)
        if not as_json:
            click.echo(f"{len(found)} found, {_ways(memory)}", err=True)
        return len(found)

    if not _with(place, who, work, words=words):
        raise click.exceptions.Exit(1)


@memory.command()
@click.option("--minutes", default=1440.0, show_default=True, help="Only what is no older.")
@click.option("--limit", default=20, show_default=True, help="How many at most.")
@_json_option
@memory_option
@_as_option
def recent(minutes: float, limit: int, place: str, who: str, *, as_json: bool) -> None:
    """List what was remembered lately, the newest first."""

    async def work(memory: Memory) -> None:
        _say(await memory.recent(minutes, limit=limit), as_json=as_json)

    _with(place, who, work)


@memory.command()
@click.argument("keys", nargs=-1)
@click.option("--tag", "tags", multiple=True, help=_TAGS)
@click.option("--source", default="", help="What comes from where this begins.")
@click.option("--everything", is_flag=True, help="All that is yours.")
@memory_option
@_as_option
@server_option
def forget(
    keys: tuple[str, ...],
    tags: tuple[str, ...],
    source: str,
    place: str,
    who: str,
    server: str | None,
    *,
    everything: bool,
) -> None:
    """Delete what has one of KEYS, all tags and the source, for good, with its vectors."""
    if server is not None:
        _refuse(server, who)
        named = dict[str, Any](tags=list(tags), source=source, everything=everything)
        count = over(server, BESIDE, lambda client: client.forget(*keys, **named))
        click.echo(f"{count} forgotten", err=True)
        return

    async def work(memory: Memory) -> int:
        return await memory.forget(*keys, tags=tags, source=source, everything=everything)

    click.echo(f"{_with(place, who, work)} forgotten", err=True)


def _refuse(server: str, who: str, words: object = None) -> None:
    """See that nothing is said that only means something here: a service knows who asks."""
    refuse(server, **{"as": who if who != "local" else None, "words": words})


def opened_memory(place: str, who: str = "local", *, new: bool = True, words: bool = False) -> Memory:
    """The memory at `place`, as `who` sees it; one that is not there is made only if `new`.

    Raises:
        BadInput: if there is none, or `who` cannot name anybody.
    """
    if not new and not is_shared(place) and not Path(place).is_file():
        raise BadInput(
            f"there is no memory {place!r}: nothing was remembered here yet, or name it with --memory"
        )
    try:
        principal = Principal(who)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return Memory(place, principal, embed=None if words else "auto")


def _with(
    place: str,
    who: str,
    work: Callable[[Memory], Awaitable[T]],
    *,
    new: bool = False,
    words: bool = False,
) -> T:
    async def scene() -> T:
        memory = opened_memory(place, who, new=new, words=words)
        try:
            return await work(memory)
        finally:
            await memory.close()

    return asyncio.run(scene())


def _ways(memory: Memory) -> str:
    """What a search goes by, and how to have more."""
    knowledge = memory.knowledge
    if maker := getattr(getattr(knowledge, "meaning", None), "maker", ""):
        return f"by meaning ({maker}) and by words"
    return "by words only ('coterie[local]' and no --words: by meaning, too)"


def _progress(done: int, all_: int) -> None:
    """Say how far it is, where somebody is watching."""
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {all_} passages", err=True, nl=done == all_)


def _say(found: Sequence[Recalled] | Sequence[MemoryShown], *, as_json: bool) -> None:
    for one in found:
        if as_json:
            click.echo(msgspec.json.encode(to_plain(one)).decode())
            continue
        tags = " ".join(f"#{tag}" for tag in one.tags)
        name = one.key if one.key == one.source else f"{one.key}  {one.source}"
        click.echo(harmless(f"{name}  {tags}".rstrip()))
        click.echo(f"    {cropped(harmless(' '.join(one.text.split())), _SHOWN)}")
