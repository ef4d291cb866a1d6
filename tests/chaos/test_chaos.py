"""A short time in a cluster to which bad things happen; `make chaos MINUTES=10` is a long one."""

from __future__ import annotations

import asyncio

import pytest

from tests.chaos.__main__ import ENGINES, main
from tests.chaos.cluster import Cluster
from tests.chaos.scene import played
from tests.stores.servers import postgres_server


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_p04_every_run_ends_right_whatever_happens(tmp_path, engine):
    """Workers are killed, frozen past their lease and cut off, servers restarted: no run and no step is lost.

    On loopback, which is all that tests may reach: network namespaces are for `make chaos NAMESPACES=yes`.
    """
    with postgres_server() as database, ENGINES[engine]() as broker:
        told = asyncio.run(played(Cluster(tmp_path, database, broker, 1), minutes=0.5, runs=72))
    assert told.wrong == []
    assert set(told.done) == {"kill", "freeze", "cut", "restart_broker", "restart_postgres"}


def test_network_namespaces_are_root_only(monkeypatch, capsys):
    """Who is not is told so before anything is begun."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["chaos", "--namespaces"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "network namespaces need" in capsys.readouterr().err
