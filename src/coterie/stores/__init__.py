"""Where journals live. One module a place; each keeps `coterie.testing.StorePromises`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coterie.stores.memory import MemoryStore, NullStore

if TYPE_CHECKING:
    from coterie.stores.sqlite import SqliteStore

__all__ = ["MemoryStore", "NullStore", "SqliteStore"]


def __getattr__(name: str) -> Any:
    """SQLite is loaded when it is first used."""
    if name != "SqliteStore":
        raise AttributeError(f"module 'coterie.stores' has no attribute {name!r}")
    from coterie.stores.sqlite import SqliteStore

    return SqliteStore
