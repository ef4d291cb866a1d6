"""The tables of a SQLite store, and how its connections are set up."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from coterie.errors import Corrupt, StoreError, StoreUnavailable
from coterie.opening import PATIENCE, moment, write_ahead

VERSION = 5
"""The version of the tables, kept in `user_version`; a later one is refused."""
APPLICATION = 0x436F7465
"""The mark of a Coterie file, kept in `application_id`."""
PAGE = 8192
"""Bytes in a database page: rows of 1 to 2 KB waste a third of 4,096 and little of this."""
SCHEMA = """
create table if not exists runs (
    id      integer primary key,
    name    text    not null unique,
    epoch   integer not null,
    holder  text    not null,
    expires real    not null,
    seen    integer not null,
    tail    integer not null default 0,
    pages   integer not null default 0,
    head    blob    not null default x''
);
create table if not exists packs (
    id     integer primary key,
    places blob    not null,
    body   blob    not null
);
create table if not exists blobs (
    id   integer primary key,
    name blob    not null unique,
    body blob    not null
);
create table if not exists signals (
    id   integer primary key,
    run  text    not null,
    body blob    not null
);
"""
LISTING = """
create table if not exists overviews (
    run     integer primary key,
    epoch   integer not null,
    status  text    not null,
    team    text    not null,
    started real    not null,
    body    blob    not null
);
"""
"""How runs are listed that nobody writes: each is true while its epoch is that of its run."""
WAKING = """
alter table runs add column wake real;
create index runs_by_wake on runs (wake) where wake is not null;
"""
"""When a run is due that nobody holds."""
PRUNED = """
create table if not exists pruned (
    run  integer primary key,
    at   real    not null,
    body blob    not null
);
"""
"""What is left of runs that were let go of. Their numbers are never given to others: a stale writer may have one."""
UPGRADES = {2: LISTING, 3: WAKING, 4: PRUNED}
"""What makes the tables of a version those of the next."""


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection to the store at `path`, made if it is not there.

    Raises:
        Corrupt: if the file is not a store, or of another version.
        StoreUnavailable: if it cannot be opened.
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        with moment(db):
            mark, version, tables = _identity(db)
        if tables and mark == APPLICATION and version in UPGRADES:
            version = _upgrade(db)
        if tables and (mark != APPLICATION or version != VERSION):
            db.close()
            what = (
                f"is a store of version {version}" if mark == APPLICATION else "is another program's database"
            )
            raise Corrupt(f"{str(path)!r} {what}; this Coterie reads version {VERSION}")
        if not tables:
            db.execute(f"pragma page_size = {PAGE}")
            write_ahead(db)
            _create(db)
        db.execute(f"pragma synchronous = {synchronous}")
        db.execute("pragma wal_autocheckpoint = 4000")
        return db


def _create(db: sqlite3.Connection) -> None:
    """Make the tables and the mark in one transaction, so that a kill leaves all of it or nothing."""
    with transaction(db):
        if _identity(db)[2]:
            return  # another process was quicker
        _execute(db, SCHEMA + LISTING + WAKING + PRUNED)
        db.execute(f"pragma application_id = {APPLICATION}")
        db.execute(f"pragma user_version = {VERSION}")


def _upgrade(db: sqlite3.Connection) -> int:
    """Bring the tables of an earlier version up to this one; the version they have now."""
    with transaction(db):
        version = _identity(db)[1]
        while version in UPGRADES:
            _execute(db, UPGRADES[version])
            version += 1
        db.execute(f"pragma user_version = {version}")
    return version


def _execute(db: sqlite3.Connection, statements: str) -> None:
    for statement in filter(str.strip, statements.split(";")):
        db.execute(statement)


def _identity(db: sqlite3.Connection) -> tuple[int, int, int]:
    [(mark,)] = db.execute("pragma application_id")
    [(version,)] = db.execute("pragma user_version")
    [(tables,)] = db.execute("select count(*) from sqlite_master")
    return mark, version, tables


@contextmanager
def told(path: Path) -> Generator[None]:
    """Turn what SQLite and the disk raise into errors that say which file, and what to do.

    Raises:
        Corrupt: if the file is damaged or not a database.
        StoreUnavailable: for everything else.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorname", "") or type(error).__name__
        if code in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
            raise Corrupt(
                f"{str(path)!r} is damaged or not a store ({error}); restore it from a copy"
            ) from error
        advice = _ADVICE.get(code, "is the folder there and writable?")
        raise StoreUnavailable(f"the store {str(path)!r} failed: {error} ({code}); {advice}") from error


def failed(error: BaseException, path: Path) -> StoreError:
    """What went wrong, as an error that says which file."""
    if not isinstance(error, (sqlite3.Error, OSError)):
        return StoreError(f"the store {str(path)!r} failed: {error}")
    try:
        with told(path):
            raise error
    except StoreError as said:
        return said


_ADVICE = {
    "SQLITE_FULL": "free some disk space and resume: nothing that was finished is lost",
    "SQLITE_BUSY": "another process holds the file; try again",
    "SQLITE_READONLY": "the file or its folder is read-only",
}


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """One write transaction: all of it or nothing."""
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")
