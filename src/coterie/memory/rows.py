"""Where knowledge lies in SQLite: its tables, and the questions put to them. Every one says whose tenant it is about.

Ids only grow: what is replaced gets a new one, and the old one is listed as gone until the next epoch, so
that whoever holds vectors in memory reads only what has changed. Deleted bytes are overwritten.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from coterie.memory.transaction import transaction
from coterie.opening import PATIENCE, moment, write_ahead
from coterie.words.memory import Query, Recalled, Remembered
from coterie.words.principal import Principal

APPLICATION = 0x436F4D65
"""The mark of a file with knowledge in it, kept in `application_id`."""
FORGOTTEN = 10_000
"""Ids that are listed as gone before a new epoch begins."""
QUERY_WORDS = 64
"""Different words of a query that full text looks for."""

_TABLES = """
create table if not exists memory (
    id integer primary key autoincrement, tenant text not null, owner text not null, key text not null,
    kind text not null, text text not null, source text not null, trust text not null,
    data blob, time real not null, maker text not null, unique (tenant, owner, key));
create index if not exists memory_new on memory (tenant, id);
create index if not exists memory_newest on memory (tenant, time);
create index if not exists memory_maker on memory (tenant, maker);
create table if not exists memory_reader (
    memory integer not null, reader text not null, primary key (memory, reader)) without rowid;
create table if not exists memory_tag (
    memory integer not null, tag text not null, primary key (memory, tag)) without rowid;
create table if not exists memory_vector (
    memory integer not null, piece integer not null, vector blob not null, primary key (memory, piece));
create virtual table if not exists memory_word using fts5 (
    text, tokenize = 'porter unicode61 remove_diacritics 2');
create table if not exists memory_gone (seq integer primary key autoincrement, memory integer not null);
create table if not exists memory_epoch (id integer primary key check (id = 1), epoch integer not null);
insert or ignore into memory_epoch values (1, 1);
"""
_COLUMNS = "memory.id, key, kind, text, source, trust, data, time, owner"
_MINE = (
    "select id, kind, text, source, trust, data, maker from memory where tenant = ? and owner = ? and key = ?"
)
_VECTORS = """
select memory.id, time, kind, owner, vector from memory join memory_vector on memory_vector.memory = memory.id
where tenant = ? and memory.id > ? and maker = ? order by memory.id, piece
"""
_WORD = re.compile(r"\w+")


def connect(path: str | Path) -> sqlite3.Connection:
    """A connection to the knowledge at `path`, made if it is not there.

    Raises:
        sqlite3.Error: if it cannot be opened, or is a database of something else.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    with moment(db):
        mark, tables = _identity(db)
    if tables and mark != APPLICATION:
        db.close()
        raise sqlite3.DatabaseError("it is a database of something else")
    write_ahead(db)
    db.execute("pragma synchronous = normal")
    db.execute("pragma secure_delete = on")
    if not tables:
        _create(db)
    return db


def _identity(db: sqlite3.Connection) -> tuple[int, int]:
    """The mark of a file, and how many tables it has."""
    [(mark,)] = db.execute("pragma application_id")
    [(tables,)] = db.execute("select count(*) from sqlite_master")
    return mark, tables


def _create(db: sqlite3.Connection) -> None:
    """Make the tables and the mark in one transaction, unless another process was quicker."""
    with transaction(db, "immediate"):
        if _identity(db)[1]:
            return
        for statement in filter(str.strip, _TABLES.split(";")):
            db.execute(statement)
        db.execute(f"pragma application_id = {APPLICATION}")
        if sqlite3.sqlite_version_info >= (3, 42):  # older ones drop deleted words when they merge
            db.execute("insert into memory_word (memory_word, rank) values ('secure-delete', 1)")


def changed(
    db: sqlite3.Connection, who: Principal, entries: Sequence[Remembered], maker: str
) -> list[Remembered]:
    """The entries that are not there as they are, with vectors that `maker` made."""
    return [entry for entry in entries if _known(db, who, entry, maker)[1]]


def put(
    db: sqlite3.Connection, who: Principal, entry: Remembered, vectors: Sequence[bytes], maker: str
) -> bool:
    """Write an entry as `who`'s own, in the place of what has its key; False if it is there as it is."""
    known, differs = _known(db, who, entry, maker)
    if not differs:
        return False
    if known:
        delete(db, [known])
    columns = "tenant, owner, key, kind, text, source, trust, data, time, maker"
    values = (who.tenant, who.name, entry.key, *_row(entry), entry.time, maker)
    places = ", ".join("?" * len(values))
    id = db.execute(f"insert into memory ({columns}) values ({places})", values).lastrowid
    readers = dict.fromkeys((who.name, *entry.shared))
    db.executemany("insert into memory_reader values (?, ?)", [(id, reader) for reader in readers])
    db.executemany("insert into memory_tag values (?, ?)", [(id, tag) for tag in dict.fromkeys(entry.tags)])
    db.executemany(
        "insert into memory_vector values (?, ?, ?)",
        [(id, piece, vector) for piece, vector in enumerate(vectors)],
    )
    db.execute("insert into memory_word (rowid, text) values (?, ?)", (id, entry.text))
    return True


def delete(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Delete entries with everything that is theirs, and list them as gone."""
    for id in ids:
        for table in ("memory_reader", "memory_tag", "memory_vector"):
            db.execute(f"delete from {table} where memory = ?", (id,))
        db.execute("delete from memory_word where rowid = ?", (id,))
        db.execute("delete from memory where id = ?", (id,))
        db.execute("insert into memory_gone (memory) values (?)", (id,))
    [(listed,)] = db.execute("select count(*) from memory_gone")
    if listed > FORGOTTEN:
        db.execute("delete from memory_gone")
        db.execute("update memory_epoch set epoch = epoch + 1")


def owned(db: sqlite3.Connection, who: Principal, query: Query) -> list[int]:
    """What `who` owns and the query's filters fit, however old."""
    clauses, values = _filters(query, 0.0)
    sql = f"select id from memory where tenant = ? and owner = ?{clauses}"
    return [id for (id,) in db.execute(sql, (who.tenant, who.name, *values))]


def among(db: sqlite3.Connection, who: Principal, query: Query, now: float) -> list[int]:
    """What `who` may read and the query's filters fit."""
    clauses, values = _allowed(who, query, now)
    return [id for (id,) in db.execute(f"select memory.id from memory where {clauses}", values)]


def newest(db: sqlite3.Connection, who: Principal, query: Query, now: float) -> list[int]:
    """The newest of what `who` may read and the query's filters fit."""
    clauses, values = _allowed(who, query, now)
    sql = f"select memory.id from memory where {clauses} order by time desc, memory.id desc limit ?"
    return [id for (id,) in db.execute(sql, (*values, query.limit))]


def matching(db: sqlite3.Connection, who: Principal, query: Query, now: float, depth: int) -> list[int]:
    """What `who` may read and holds any word of the query, the best by BM25 first, of equals the newest."""
    words = list(dict.fromkeys(_WORD.findall(query.text.lower())))[:QUERY_WORDS]
    if not words:
        return []
    # Quoted, a word is only ever a word: never an operator or a column of FTS5.
    match = " OR ".join(f'"{word}"' for word in words)
    clauses, values = _allowed(who, query, now)
    sql = (
        "select memory.id from memory_word join memory on memory.id = memory_word.rowid "
        f"where memory_word match ? and {clauses} order by bm25(memory_word), memory.id desc limit ?"
    )
    return [id for (id,) in db.execute(sql, (match, *values, depth))]


def read(db: sqlite3.Connection, who: Principal, ids: Sequence[int]) -> dict[int, Recalled]:
    """The entries of some ids, as far as `who` may read them."""
    found: dict[int, Recalled] = {}
    clauses, values = _allowed(who, Query(), 0.0)
    for id in ids:
        sql = f"select {_COLUMNS} from memory where memory.id = ? and {clauses}"
        row = db.execute(sql, (id, *values)).fetchone()
        if row is not None:
            found[id] = _entry(db, row)
    return found


def vectors_after(
    db: sqlite3.Connection, tenant: str, after: int, maker: str
) -> Iterator[tuple[int, Remembered, list[bytes]]]:
    """The entries of a tenant whose id is higher, in order, with labels and the vectors that `maker` made."""
    readers = _grouped(db, "memory_reader", "reader", tenant, after)
    tags = _grouped(db, "memory_tag", "tag", tenant, after)
    entry, made, last = Remembered(text=""), list[bytes](), 0
    for id, time, kind, owner, vector in db.execute(_VECTORS, (tenant, after, maker)):
        if id != last:
            if last:
                yield last, entry, made
            shared, tagged = tuple(readers.get(id, ())), tuple(tags.get(id, ()))
            entry = Remembered(text="", kind=kind, owner=owner, shared=shared, tags=tagged, time=time)
            made, last = [], id
        made.append(vector)
    if last:
        yield last, entry, made


def makers(db: sqlite3.Connection, tenant: str, maker: str) -> tuple[list[tuple[str, Remembered]], str]:
    """Entries that nobody has made vectors of, with their owners; and another maker's name, if there is one."""
    sql = f"select {_COLUMNS} from memory where tenant = ? and maker = ''"
    rows = db.execute(sql, (tenant,)).fetchall()
    bare: list[tuple[str, Remembered]] = [(row[8], _entry(db, row)) for row in rows]
    for other in ("maker > ?", "maker > '' and maker < ?"):  # two ranges, each one look at the index
        sql = f"select maker from memory where tenant = ? and {other} limit 1"
        found = db.execute(sql, (tenant, maker)).fetchone()
        if found is not None:
            return bare, str(found[0])
    return bare, ""


def _row(entry: Remembered) -> tuple[Any, ...]:
    data = None if entry.data is None else msgspec.json.encode(entry.data)
    return (entry.kind, entry.text, entry.source, entry.trust, data)


def _known(db: sqlite3.Connection, who: Principal, entry: Remembered, maker: str) -> tuple[int, bool]:
    """The id of what `who` has under the entry's key, or 0, and whether it is anything else than the entry."""
    known = db.execute(_MINE, (who.tenant, who.name, entry.key)).fetchone()
    if known is None:
        return 0, True
    same = known[1:6] == _row(entry) and maker in ("", known[6])  # without a maker, vectors are left alone
    shared = set(entry.shared) - {who.name}
    return known[0], not same or _shared(db, known[0], who.name) != (shared, set(entry.tags))


def _allowed(who: Principal, query: Query, now: float) -> tuple[str, list[Any]]:
    """The clauses that every read has: the tenant, the readers, and the query's filters."""
    marks = ", ".join("?" * len(who.readers))
    filters, values = _filters(query, now)
    clauses = (
        "tenant = ? and exists (select 1 from memory_reader where memory_reader.memory = memory.id "
        f"and reader in ({marks})){filters}"
    )
    return clauses, [who.tenant, *who.readers, *values]


def _filters(query: Query, now: float) -> tuple[str, list[Any]]:
    clauses, values = "", list[Any]()
    if query.kind:
        clauses, values = f"{clauses} and kind = ?", [*values, query.kind]
    for tag in query.tags:
        having = "exists (select 1 from memory_tag where memory_tag.memory = memory.id and tag = ?)"
        clauses, values = f"{clauses} and {having}", [*values, tag]
    if query.keys:
        marks = ", ".join("?" * len(query.keys))
        clauses, values = f"{clauses} and key in ({marks})", [*values, *query.keys]
    if query.source:
        clauses = f"{clauses} and substr(source, 1, ?) = ?"
        values = [*values, len(query.source), query.source]
    if query.minutes is not None and now:
        clauses, values = f"{clauses} and time >= ?", [*values, now - 60 * query.minutes]
    return clauses, values


def _entry(db: sqlite3.Connection, row: Sequence[Any]) -> Recalled:
    id, key, kind, text, source, trust, data, time, owner = row
    shared, tags = _shared(db, id, owner)
    return Recalled(
        text=text,
        key=key,
        kind=kind,
        tags=tuple(sorted(tags)),
        source=source,
        trust=trust,
        shared=tuple(sorted(shared)),
        data=None if data is None else msgspec.json.decode(data),
        owner=owner,
        time=time,
    )


def _shared(db: sqlite3.Connection, id: int, owner: str) -> tuple[set[str], set[str]]:
    """Who an entry is shared with, and its tags."""
    readers = {one for (one,) in db.execute("select reader from memory_reader where memory = ?", (id,))}
    tags = {one for (one,) in db.execute("select tag from memory_tag where memory = ?", (id,))}
    return readers - {owner}, tags


def _grouped(
    db: sqlite3.Connection, table: str, column: str, tenant: str, after: int
) -> dict[int, list[str]]:
    rows: Iterable[tuple[int, str]] = db.execute(
        f"select {table}.memory, {column} from {table} join memory on memory.id = {table}.memory "
        "where tenant = ? and memory.id > ?",
        (tenant, after),
    )
    found: dict[int, list[str]] = {}
    for id, value in rows:
        found.setdefault(id, []).append(value)
    return found
