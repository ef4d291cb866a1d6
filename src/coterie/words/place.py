"""Where things are kept: a file on this machine, or a server that many hosts share."""

from __future__ import annotations


def is_shared(place: object) -> bool:
    """Whether `place` is the address of a PostgreSQL server rather than a file."""
    return str(place).startswith(("postgresql://", "postgres://"))
