"""Memory: what actors can find again. Knowledge and episodes, sessions, folders of documents, and citations of them."""

import os
from typing import TYPE_CHECKING, Any

# Two BLAS threads that wait for each other stand still where the cores are shared with anything else
# (a language model, say). NumPy works with one, and batches run side by side in threads of ours.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from coterie.memory.conversation import Session
    from coterie.memory.knowledge import MemoryKnowledge
    from coterie.memory.layers import Memory
    from coterie.memory.postgres import PostgresKnowledge
    from coterie.memory.sqlite import SqliteKnowledge

__all__ = ["Memory", "MemoryKnowledge", "PostgresKnowledge", "Session", "SqliteKnowledge"]
_ROOMS = {
    "Memory": "layers",
    "MemoryKnowledge": "knowledge",
    "PostgresKnowledge": "postgres",
    "Session": "conversation",
    "SqliteKnowledge": "sqlite",
}


def __getattr__(name: str) -> Any:
    """What is here, imported when it is used: whoever wants a session needs no SQLite."""
    if name in _ROOMS:
        from importlib import import_module

        return getattr(import_module(f"coterie.memory.{_ROOMS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
