"""SQL as a tool: questions to a SQLite file, which can change nothing and take no longer than they may."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from coterie.errors import BadInput, ToolFailed
from coterie.tool import Tool

T = TypeVar("T")
ROWS, SECONDS, LARGEST = 200, 5.0, 1 << 20
READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
"""What a question may do, beside calling functions."""
FORBIDDEN = ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "randomblob", "zeroblob")
"""Functions that reach beyond the file, or make much of nothing."""
STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock."""


def sql(
    path: str | os.PathLike[str], *, rows: int = ROWS, seconds: float = SECONDS, largest: int = LARGEST
) -> tuple[Tool, ...]:
    """Tools for a SQLite file: `sql` for one question, and `sql_tables` for what there is to ask about.

    The file is opened for reading alone, and an authorizer refuses all but SELECT. A question gives at most
    `rows` rows and `largest` letters, and takes at most `seconds`.

    Raises:
        BadInput: if there is no such file.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise BadInput(f"sql: there is no file {str(path)!r}")
    asked = _Questions(file, rows, seconds, largest)
    tags = ["sql", "read"]
    return Tool(asked.sql, idempotent=True, tags=tags), Tool(asked.sql_tables, idempotent=True, tags=tags)


class _Questions:
    """The functions behind the tools; what each says of itself is what a model reads."""

    def __init__(self, file: Path, rows: int, seconds: float, largest: int) -> None:
        self._file, self._rows, self._seconds, self._largest = file, rows, seconds, largest

    def sql(self, query: str, parameters: list[Any] | None = None) -> dict[str, Any]:
        """Ask the database one question in SQLite's SQL; a ? in it stands for each of the parameters."""
        return self._within(lambda db: self._asked(db, query, parameters or []), READS)

    def sql_tables(self) -> str:
        """The tables and views of the database, as they were defined."""
        question = (
            "select sql from sqlite_master where sql is not null and type in ('table', 'view') order by name"
        )
        found = self._within(lambda db: self._asked(db, question, []), READS)
        return ";\n".join(row[0] for row in found["rows"]) or "no tables"

    def _asked(self, db: sqlite3.Connection, query: str, parameters: list[Any]) -> dict[str, Any]:
        cursor = db.execute(query, parameters)
        rows: list[list[Any]] = []
        size = 0
        for row in cursor:
            size += sum(len(str(value)) for value in row)
            if len(rows) == self._rows or size > self._largest:
                break
            rows.append([value.hex() if isinstance(value, bytes) else value for value in row])
        else:
            size = -1
        columns = [column[0] for column in cursor.description or ()]
        return {"columns": columns, "rows": rows, "more": size >= 0}

    def _within(self, ask: Callable[[sqlite3.Connection], T], allowed: set[int]) -> T:
        until = time.monotonic() + self._seconds
        try:
            with closing(
                sqlite3.connect(f"{self._file.as_uri()}?mode=ro", uri=True, timeout=self._seconds)
            ) as db:
                db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._largest)
                db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
                db.set_authorizer(_judge(allowed))
                db.set_progress_handler(lambda: time.monotonic() > until, STEPS)
                return ask(db)
        except (sqlite3.Error, sqlite3.Warning) as error:
            late = time.monotonic() > until
            why = f"the question took longer than {self._seconds:g} s" if late else str(error)
            raise ToolFailed(f"sql: {why}") from error


def _judge(allowed: set[int]) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """What tells SQLite whether it may do what a question needs of it."""

    def judge(action: int, _: str | None, name: str | None, *_more: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (name or "").lower() in FORBIDDEN else sqlite3.SQLITE_OK
        return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY

    return judge
