"""A short time in a cluster to which bad things happen; `make chaos MINUTES=10` is a long one."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.scene import played
from tests.stores.servers import nats, postgres_server


@pytest.mark.slow
@pytest.mark.chaos
def test_p04_every_run_ends_right_whatever_happens(tmp_path):
    """Workers are killed, frozen past their lease and cut off, servers restarted: no run and no step is lost."""
    with postgres_server() as database, nats() as broker:
        told = asyncio.run(played(tmp_path, database, broker, seed=1, minutes=0.5, runs=72))
    assert told.wrong == []
    assert set(told.done) == {"kill", "freeze", "cut", "restart_nats", "restart_postgres"}
