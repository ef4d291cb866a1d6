"""`coterie verify`, `export`, `report` and `key`: what stands up when somebody asks who did what."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from coterie.doors.cli import remote
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.letters import cropped, harmless
from coterie.errors import BadInput
from coterie.kernel import audit as folds
from coterie.kernel.audit import Decision, Deed, Report
from coterie.kernel.redactions import redactions
from coterie.kernel.values import to_plain
from coterie.shell.audit import exported
from coterie.shell.run import journal
from coterie.wire import signature
from coterie.wire.export import again, problems, read
from coterie.words.event import Record

if TYPE_CHECKING:
    from coterie.client import AsyncClient

SUFFIX = ".coterie"
"""What the name of an export ends with."""
WORDS = 400
"""Letters of what a policy said."""
WIDE = 100
"""Letters of a value that a report shows on one line."""


@click.command()
@click.argument("names", metavar="[RUN|FILE]...", nargs=-1)
@click.option("--key", metavar="FILE", help="FILEs have to be signed by this key (its .pub is enough).")
@journals_option
@server_option
@click.pass_context
def verify(
    ctx: click.Context, /, names: tuple[str, ...], key: str | None, store: str, server: str | None
) -> None:
    """Check that the journals of the RUNs, or of all, are what was written: nothing changed, dropped or moved.

    A FILE is an export: it is checked by itself, and needs no store.
    """
    files = [name for name in names if Path(name).is_file()]
    if key is not None and not files:
        raise BadInput("--key is for exports: coterie verify FILE --key KEY.pub")
    signer = b"" if key is None else signature.key_of(_bytes(key), where=key).public
    wrong = [line for file in files for line in _checked(file, signer)]
    runs = [name for name in names if name not in files]
    if gone := [name for name in runs if name.endswith(SUFFIX) or "/" in name]:
        raise BadInput(f"there is no file {gone[0]!r}")
    if runs or not files:
        wrong += _in_store(store, server, runs)
    for line in wrong:
        click.echo(harmless(line), err=True)
    ctx.exit(1 if wrong else 0)


def _checked(file: str, signer: bytes) -> list[str]:
    """What is wrong with an export; what it is goes to stdout if nothing is."""
    data = _bytes(file)
    if found := problems(data, checks=signature.checks, key=signer):
        return [f"{file}: {line}" for line in found]
    header = read(data).header
    by = f", signed by {header.signer}" if header.signer else ", not signed"
    click.echo(f"{file}: run {header.run}, {header.events} events, is what was written{by}")
    for first, last in header.redacted:
        click.echo(f"{file}: events {first} to {last} were taken out")
    if not header.redacted:
        _tell(header.run, read(data).records())
    return []


def _tell(run: str, records: Sequence[Record]) -> None:
    """Say what was taken out of a run for good, by whom, and why."""
    for one in redactions(records):
        events = ", ".join(map(str, one.events))
        why = f", {one.why}" if one.why else ""
        by = one.by or "nobody who said so"
        click.echo(
            harmless(f"run {run}: what events {events} said was taken out by {by}, {_when(one.time)}{why}")
        )


def _in_store(place: str, server: str | None, names: Sequence[str]) -> list[str]:
    if server:
        count, found = over(server, place, lambda client: _verified_there(client, names))
    else:
        count, found = asyncio.run(_verified(place, names))
    if found:
        return [*found, f"coterie: {server or place!r} is not what was written; restore it from a copy"]
    click.echo(f"{count} runs are what was written")
    return []


async def _verified(path: str, names: Sequence[str]) -> tuple[int, list[str]]:
    async with opened_store(path) as store:
        chosen = names or [seen.id for seen in await store.runs()]
        found = [problem for name in chosen for problem in await store.verify(name)]
        for name in () if found else chosen:
            _tell(name, await store.read(name))
        return len(chosen), found


async def _verified_there(client: AsyncClient, names: Sequence[str]) -> tuple[int, list[str]]:
    chosen = names or await remote.ids(client)
    found = [problem for name in chosen for problem in (await client.verify(name)).problems]
    return len(chosen), found


@click.command()
@click.argument("run")
@click.option("--out", metavar="FILE", help="Where to; RUN.coterie if not said, - for stdout.")
@click.option("--key", metavar="FILE", help="Sign it with this key, which `coterie key make` wrote.")
@click.option(
    "--redact", "without", multiple=True, type=click.IntRange(0), metavar="N", help="Take event N out."
)
@journals_option
@server_option
def export(
    run: str, *, out: str | None, key: str | None, without: tuple[int, ...], store: str, server: str | None
) -> None:
    """Write RUN into one file that `coterie verify FILE` checks anywhere, without the store.

    With --redact the commit that event N was written in is taken out, and what only it brought; its hash stays, so
    that the rest can be checked as before, and the file says what is missing. Of a run of a service both happen here.
    """
    signer = None if key is None else signature.key_of(_bytes(key), where=key)
    if server:
        data = _signed(over(server, store, lambda client: client.export(run)), signer, without)
    else:
        data = asyncio.run(_exported(store, run, signer, without))
    if out == "-":
        sys.stdout.buffer.write(data)
        return
    path = Path(out or f"{run}{SUFFIX}")
    path.write_bytes(data)
    click.echo(f"wrote {path}, {len(data):,} bytes; check it anywhere: coterie verify {path}", err=True)


async def _exported(place: str, run: str, key: signature.Key | None, without: Sequence[int]) -> bytes:
    async with opened_store(place) as store:
        return await exported(store, run, key=key, without=without)


def _signed(data: bytes, key: signature.Key | None, without: Sequence[int]) -> bytes:
    """An export that a service gave, with events taken out and signed where that is wanted."""
    if key is None and not without:
        return data
    signer, sign = (b"", None) if key is None else (key.public, key.sign)
    return again(data, without=without, signer=signer, sign=sign)


@click.command()
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="All of it, as JSON.")
@journals_option
@server_option
def report(run: str, *, as_json: bool, store: str, server: str | None) -> None:
    """Say every side effect of RUN: who, why, by which path and version, with which approval, and how it ended.

    RUN may be an export, which is checked first.
    """
    if Path(run).is_file():
        found = _of_file(run)
    elif server:
        found = over(server, store, lambda client: client.report(run))
    else:
        found = asyncio.run(_reported(store, run))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(to_plain(found)), indent=2).decode())
    else:
        click.echo(harmless("\n".join(_lines(found))))


def _of_file(file: str) -> Report:
    data = _bytes(file)
    if found := problems(data, checks=signature.checks):
        raise BadInput(f"{file!r} is not what was written: {found[0]}")
    export = read(data)
    return folds.report(export.header.run, export.records())


async def _reported(place: str, run: str) -> Report:
    async with opened_store(place) as store:
        return folds.report(run, await journal(store, run))


def _lines(found: Report) -> Iterator[str]:
    version = found.manifest.get(found.actor, "")
    yield f"run {found.run}: {found.actor} (version {version}), {found.status}"
    yield f"begun {_when(found.began)} by {found.by or 'nobody who said so'}; last event {_when(found.until)}"
    yield f"task: {cropped(found.task, WIDE)}"
    asked = ", ".join(f"{model} ({count})" for model, count in found.models.items())
    yield f"models: {asked or 'none'}"
    count = len(found.deeds)
    yield f"{count} side effect{'' if count == 1 else 's'}"
    for deed in found.deeds:
        yield from _deed(deed)
    used = _used(found.deeds)
    for one in [one for one in found.decisions if one not in used or one.state != "answered"]:
        yield f"[{_when(one.since)}] asked at {one.path}: {cropped(one.question, WIDE)}"
        yield f"    {_answer(one)}"
    for path, fact, about in found.rights:
        yield f"{path}: {fact} {about}"
    for said in found.outside:
        yield f"[{_when(said.time)}] from outside: {said.kind} {cropped(f'{said.about} {said.value or str()}', WIDE)}"


def _used(deeds: Sequence[Deed]) -> list[Decision]:
    return [one for deed in deeds for one in (deed.approval, deed.permission) if one is not None]


def _deed(deed: Deed) -> Iterator[str]:
    yield f"[{_when(deed.time)}] event {deed.seq}, {deed.path}: {deed.what} {_short(deed.arguments)}"
    yield f"    by {deed.actor}, version {deed.version}; key {deed.key}"
    if deed.why is None:
        yield "    why: the code of the play asked for it"
    else:
        said = f", saying: {cropped(deed.why.said, WIDE)}" if deed.why.said else ""
        yield f"    why: {deed.why.model} at {deed.why.path} (event {deed.why.seq}) called it{said}"
    if deed.policy:
        yield f"    policy: {cropped(deed.policy, WORDS)}"
    if deed.permission is not None:
        yield f"    permission {deed.permission.id}: {_answer(deed.permission)}"
    if deed.approval is not None:
        yield f"    approval {deed.approval.id}: {_answer(deed.approval)}"
    came = str(deed.failure) if deed.failure is not None else _short(deed.value)
    yield f"    {deed.outcome}{f' {_when(deed.ended)}: {cropped(came, WIDE)}' if deed.ended else ''}"


def _answer(one: Decision) -> str:
    if one.state != "answered":
        return "open" if one.state == "open" else "never answered"
    return f"{_short(one.answer)} by {one.by or 'nobody who said so'}, {_when(one.until)}"


def _short(value: object) -> str:
    return cropped(msgspec.json.encode(value).decode(), WIDE)


def _when(seconds: float) -> str:
    """A time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))


@click.group()
def key() -> None:
    """Make a key that exports are signed with."""


@key.command("make")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def make(file: Path) -> None:
    """Make a key: FILE is to be kept to yourself, FILE.pub is for everybody who checks what it signed."""
    secret, public = signature.made()
    shown = file.with_name(file.name + ".pub")
    if shown.exists():
        raise BadInput(f"{str(shown)!r} is there already; a key is never overwritten")
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as private:
            private.write(secret)
    except FileExistsError:
        raise BadInput(f"{str(file)!r} is there already; a key is never overwritten") from None
    shown.write_bytes(public)
    who = signature.key_of(public, where=str(shown)).public.hex()
    click.echo(f"key {who}: sign with {file}, check with {shown}")


def _bytes(file: str) -> bytes:
    """What is in a file.

    Raises:
        BadInput: if it cannot be read.
    """
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {file!r}: {error.strerror}") from error
