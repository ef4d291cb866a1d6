from __future__ import annotations

from collections.abc import Iterator

import pytest

from coterie.testing.sockets import block_sockets


@pytest.fixture(scope="session", autouse=True)
def _nothing_phones_home() -> Iterator[None]:
    """Whatever the suite does, no socket of this process leaves the machine (P22)."""
    with block_sockets(loopback=True):
        yield
