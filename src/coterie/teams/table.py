"""A CSV file as a table: loaded into SQLite, profiled, and queried with SQL that can only read."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from coterie.errors import BadInput
from coterie.teams.output import text_of
from coterie.tool import tool
from coterie.tools.query import sql as question

TABLE = "data"
"""What the table is called."""
MOST = 100_000_000
"""Bytes of a CSV file that are loaded."""
ROWS = 1_000
"""Rows that a query gives at most."""
SHOWN = 12
"""Values of a column of names that its profile lists: all of them, or none."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Column(Struct, frozen=True):
    """A column: its name in SQL, its kind, how many rows have no value, how many values differ, and some of them."""

    name: str
    kind: str
    empty: int
    distinct: int
    low: Any = None
    high: Any = None
    values: tuple[str, ...] = ()


class Profile(Struct, frozen=True):
    """What is in a table."""

    rows: int
    columns: tuple[Column, ...]


class Rows(Struct, frozen=True):
    """What a query gave; `more` says that it was cut at `ROWS`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False


def header(path: str | Path) -> list[str]:
    """The column names of a CSV file, as SQL knows them.

    Raises:
        BadInput: if it cannot be read, has fewer than two columns or no row, or rows of another length.
    """
    names, rows = _read(path)
    if not any(True for _ in rows):
        raise BadInput(f"{str(path)!r} has no row below its header")
    return names


@tool(idempotent=True, timeout=600.0)
def load(path: str, database: str) -> int:
    """Load a CSV file into the table `data` of a new SQLite database; gives the number of rows."""
    names, rows = _read(path)
    table = [[_value(cell) for cell in row] for row in rows]
    kinds = [_kind([row[at] for row in table]) for at in range(len(names))]
    half = Path(f"{database}.half")
    half.parent.mkdir(parents=True, exist_ok=True)
    half.unlink(missing_ok=True)
    with closing(sqlite3.connect(half)) as db, db:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, kinds, strict=True))
        db.execute(f"create table {TABLE} ({columns})")
        marks = ", ".join("?" * len(names))
        db.executemany(f"insert into {TABLE} values ({marks})", table)
    half.replace(database)
    return len(table)


@tool(idempotent=True)
def profile(database: str) -> Profile:
    """What is in the table: rows, and of each column its kind, gaps, range, and values where they are few."""
    with closing(_reading(database)) as db:
        known = db.execute("select name, lower(type) from pragma_table_info(?)", (TABLE,)).fetchall()
        (rows,) = db.execute(f"select count(*) from {TABLE}").fetchone()
        return Profile(rows, tuple(_column(db, name, kind) for name, kind in known))


@tool(idempotent=True, timeout=60.0)
def query(database: str, sql: str) -> Rows:
    """What one SELECT gives. Nothing else is allowed: no write, no other file, no pragma.

    Raises:
        ToolFailed: if SQLite refuses it; the message is SQLite's.
    """
    found = question(database, rows=ROWS)[0].function(sql)
    return msgspec.convert(found, Rows)


def _reading(database: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{Path(database).resolve().as_uri()}?mode=ro", uri=True)


def _read(path: str | Path) -> tuple[list[str], Iterator[list[str]]]:
    """The names of the columns, and the rows below them."""
    text = text_of(path, MOST)
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = _names(next(lines))
    if len(names) < 2:
        raise BadInput(f"{str(path)!r} has one column: is it separated by commas, semicolons, tabs or bars?")
    return names, _rows(lines, names, str(path))


def _rows(lines: Any, names: Sequence[str], path: str) -> Iterator[list[str]]:
    try:
        for row in lines:
            if not row:
                continue
            if len(row) != len(names):
                where = f"line {lines.line_num} of {path!r}"
                raise BadInput(f"{where} has {len(row)} cells, and the header has {len(names)}")
            yield row
    except csv.Error as error:
        raise BadInput(f"line {lines.line_num} of {path!r} is no CSV: {error}") from error


def _names(cells: Sequence[str]) -> list[str]:
    """Names that SQL knows, each once."""
    names: list[str] = []
    for at, cell in enumerate(cells, 1):
        bare = re.sub(r"\W+", "_", cell.strip().lower()).strip("_") or f"column_{at}"
        names.append(bare if bare not in names else f"{bare}_{at}")
    return names


def _value(cell: str) -> int | float | str | None:
    text = cell.strip()
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        if str(value) in ("nan", "inf", "-inf") or (
            text.lstrip("-").startswith("0") and text.isdigit() and text != "0"
        ):
            break  # a word, or a code such as 007
        return value
    return text or None


def _kind(values: Sequence[Any]) -> str:
    kinds: set[type[object]] = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return "real" if float in kinds else "integer"
    return "text"


def _column(db: sqlite3.Connection, name: str, kind: str) -> Column:
    count = f'select count(*) - count("{name}"), count(distinct "{name}"), min("{name}"), max("{name}") from {TABLE}'
    empty, distinct, low, high = db.execute(count).fetchone()
    shown: tuple[str, ...] = ()
    if kind == "text" and distinct <= SHOWN:
        found = db.execute(f'select distinct "{name}" from {TABLE} where "{name}" is not null order by 1')
        shown = tuple(str(row[0]) for row in found)
    if kind == "text" and low is not None and _DATE.fullmatch(str(low)) and _DATE.fullmatch(str(high)):
        kind = "date"
    return Column(name, kind, empty, distinct, low, high, shown)
