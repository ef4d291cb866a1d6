"""`coterie doctor`: what this installation has, and what it lacks."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.cli.terminal import look_of
from coterie.errors import CoterieError
from coterie.models.pins import DEFAULT, LARGE, MINILM, SMALL
from coterie.models.providers import PROVIDERS, there
from coterie.models.weights import cache_folder
from coterie.tools.confine import WAYS, why_not

ROOM = 1 << 30
"""Bytes below which a disk is called nearly full."""
EXTRAS = {
    "local": ("xllamacpp", "numpy"),
    "models": ("pydantic_ai", "openai", "anthropic", "google.genai"),
    "mcp": ("mcp",),
}
"""The parts of Coterie that can be left out, and the modules that each needs."""


class Finding(Struct, frozen=True):
    """One thing that was looked at; `advice` is empty where all is well."""

    what: str
    found: str
    advice: str = ""
    grave: bool = False


@click.command()
@journals_option
@click.pass_context
def doctor(ctx: click.Context, /, store: str) -> None:
    """Say what this installation has, and what it lacks. Exits with 1 if something has to be mended."""
    findings = list(_findings(store))
    for finding in findings:
        mark = "FAIL" if finding.grave else "note" if finding.advice else "ok"
        click.echo(f"{mark:<5} {finding.what:<10} {finding.found}")
        if finding.advice:
            click.echo(f"{'':16} {finding.advice}")
    ctx.exit(1 if any(finding.grave for finding in findings) else 0)


def _findings(store: str) -> Iterator[Finding]:
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield _sqlite()
    for extra, modules in EXTRAS.items():
        yield _extra(extra, modules)
    yield _sandbox()
    yield _program("npm", "servers and clients of MCP that come from npm cannot be run")
    yield _weights()
    yield _providers()
    yield _disk(Path(store).resolve().parent)
    yield _disk(cache_folder())
    yield _terminal()
    yield asyncio.run(_store(store))


def _sqlite() -> Finding:
    with sqlite3.connect(":memory:") as db:
        built = {row[0] for row in db.execute("pragma compile_options")}
    db.close()
    words = "with full-text search" if "ENABLE_FTS5" in built else "without full-text search"
    if sqlite3.sqlite_version_info < (3, 35):
        return Finding("sqlite", sqlite3.sqlite_version, "too old: Coterie needs 3.35 or later", grave=True)
    return Finding("sqlite", f"{sqlite3.sqlite_version}, {words}")


def _extra(extra: str, modules: tuple[str, ...]) -> Finding:
    missing = [module for module in modules if not there(module)]
    if not missing:
        return Finding(f"[{extra}]", "installed")
    return Finding(f"[{extra}]", f"no {', '.join(missing)}", f"pip install 'coterie[{extra}]'")


def _sandbox() -> Finding:
    """The strongest way into a sandbox for the tools that run programs."""
    for way in WAYS:
        if not why_not(way):
            better = f"{WAYS[0]} is stronger: {why_not(WAYS[0])}" if way != WAYS[0] else ""
            return Finding("sandbox", way, better)
    return Finding("sandbox", "none", f"the tools `python` and `shell` do not work here: {why_not(WAYS[-1])}")


def _program(name: str, without: str) -> Finding:
    found = shutil.which(name)
    return Finding(name, found or "none", "" if found else without)


def _weights() -> Finding:
    folder = cache_folder()
    names = {"embedded": DEFAULT, "embedded:large": LARGE, "embedded:small": SMALL, "MiniLM": MINILM}
    there = [name for name, weights in names.items() if (folder / weights.file).is_file()]
    if "embedded" in there:
        return Finding("weights", f"{', '.join(there)} in {str(folder)!r}")
    found = f"{', '.join(there) or 'none'} in {str(folder)!r}"
    return Finding("weights", found, f"the first run with the embedded model fetches {DEFAULT.size >> 20} MB")


def _providers() -> Finding:
    """Which providers could be asked now: those with a key, of which no more is said than its name."""
    ready = [
        f"{name} ({next(key for key in one.keys if os.environ.get(key))})"
        for name, one in PROVIDERS.items()
        if one.installed and one.key
    ]
    lacking = [
        f"{name} has a key, and needs {one.sdk}"
        for name, one in PROVIDERS.items()
        if one.key and not one.installed
    ]
    if lacking:
        return Finding("providers", ", ".join(ready) or "none", "; ".join(lacking))
    return Finding(
        "providers", ", ".join(ready) or "no key is set: openai looks for OPENAI_API_KEY, and so on"
    )


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    advice = "free some space: a run stops, and loses nothing, when the disk is full" if free < ROOM else ""
    return Finding("disk", f"{free / (1 << 30):.1f} GB free at {str(folder)!r}", advice)


def _terminal() -> Finding:
    look = look_of(sys.stderr)
    if not sys.stderr.isatty():
        return Finding("terminal", "none: progress is a line an event")
    colours = "colours" if look.colour else "no colours"
    return Finding("terminal", f"{look.width} columns, {colours}, {'UTF-8' if look.unicode else 'ASCII'}")


async def _store(path: str) -> Finding:
    if not Path(path).exists():
        return Finding("store", f"none yet at {path!r}")
    try:
        async with opened_store(path) as store:
            seen = await store.runs()
            problems = [problem for one in seen for problem in await store.verify(one.id)]
    except CoterieError as error:
        return Finding(
            "store", str(error), "restore it from a copy, or name another with --store", grave=True
        )
    if problems:
        return Finding(
            "store", problems[0], "restore it from a copy; `coterie verify` names it all", grave=True
        )
    open_ = [one.id for one in seen if one.status in ("interrupted", "waiting")]
    advice = f"go on with {', '.join(open_[:3])}: coterie resume RUN" if open_ else ""
    return Finding("store", f"{len(seen)} runs at {path!r}, all as they were written", advice)
