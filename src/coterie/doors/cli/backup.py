"""`coterie backup` and `coterie restore`: a store in files, and all that lies beside it, while it is in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from coterie.doors.cli.store import store_option
from coterie.errors import BadInput, StoreError
from coterie.stores.places import tenants_at
from coterie.words.place import is_shared

BESIDE = ("keys.db", "memory.db", "ledgers.db", "push.db")
"""Databases of a service that are no journals."""
SECRETS = ("token", "secret")
"""Files that open doors: copied with the rights they have."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@store_option
def backup(folder: Path, store: str) -> None:
    """Copy the journals of all tenants, keys and secrets into FOLDER, which must not be there.

    The service may go on meanwhile: each file is copied as it was at one moment, by SQLite itself. Whoever can read
    FOLDER can come in as this machine: keep it as you keep the store.
    """
    home = _home(store)
    if folder.exists():
        raise BadInput(f"{str(folder)!r} is there already: a backup is a new folder")
    files = list(_files(Path(store)))
    if not files:
        raise BadInput(f"there is no store {store!r} to copy")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    for file in files:
        _copy(file, part / file.relative_to(home))
    part.rename(folder)  # a backup is whole, or it is not there
    click.echo(f"{len(files)} files in {folder}", err=True)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@store_option
def restore(folder: Path, store: str) -> None:
    """Put a backup where no store is; runs that were under way then go on at the next start."""
    home = _home(store)
    copied = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if folder / Path(store).name not in copied:
        raise BadInput(f"{str(folder)!r} is no backup of a store called {Path(store).name!r}")
    there = [
        str(home / path.relative_to(folder)) for path in copied if (home / path.relative_to(folder)).exists()
    ]
    if there:
        raise BadInput(f"{there[0]!r} is there already: restore into an empty folder, or move it away")
    for path in copied:
        _copy(path, home / path.relative_to(folder))
    click.echo(f"{len(copied)} files in {home}; `coterie verify` checks them", err=True)


def _home(store: str) -> Path:
    if is_shared(store):
        raise BadInput("a PostgreSQL store is copied with pg_dump, and its keys lie in .coterie")
    return Path(store).parent


def _files(store: Path) -> Iterator[Path]:
    """Every file that belongs to a store: of all tenants, then what lies beside."""
    for tenant in ("default", *(one for one in tenants_at(store) if one != "default")):
        file = store if tenant == "default" else store.parent / "tenants" / tenant / store.name
        if file.is_file():
            yield file
            yield from (beside for name in BESIDE if (beside := file.parent / name).is_file())
    yield from (file for name in SECRETS if (file := store.parent / name).is_file())


def _copy(file: Path, to: Path) -> None:
    """Copy a database as it is at one moment (SQLite's online backup), or any other file as it is.

    Raises:
        StoreError: if it cannot be read or written.
    """
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if file.suffix == ".db":
            place = f"{file.resolve().as_uri()}?mode=ro"
            with closing(sqlite3.connect(place, uri=True)) as source, closing(sqlite3.connect(to)) as target:
                source.backup(target)
            shutil.copymode(file, to)
        else:
            with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target_file:
                target_file.write(file.read_bytes())
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{str(file)!r} cannot be copied to {str(to)!r}: {error}") from error
