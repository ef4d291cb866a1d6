"""From where things are remembered to the knowledge there: a file, or a PostgreSQL address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from coterie.errors import MissingExtra
from coterie.memory.meaning import Embedding
from coterie.memory.sqlite import SqliteKnowledge
from coterie.words.place import is_shared

if TYPE_CHECKING:
    from coterie.memory.postgres import PostgresKnowledge

KeptKnowledge: TypeAlias = "SqliteKnowledge | PostgresKnowledge"
"""Knowledge that outlives its process."""


def knowledge_at(place: str | Path, embed: Embedding = "auto") -> KeptKnowledge:
    """The knowledge at `place`: a file, or `postgresql://...`.

    Raises:
        MissingExtra: if it is a PostgreSQL address, and its client is not installed.
        StoreUnavailable: if the file cannot be used.
    """
    if not is_shared(place):
        return SqliteKnowledge(place, embed)
    try:
        from coterie.memory.postgres import PostgresKnowledge
    except ModuleNotFoundError as error:
        raise MissingExtra.of("postgres", "memory in PostgreSQL") from error
    return PostgresKnowledge(str(place), embed)
