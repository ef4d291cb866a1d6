from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from coterie.testing.sockets import block_sockets

AUDITED = str(Path(__file__).parent / "audited")

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
"""No example fails because its machine has other things to do."""


def pytest_xdist_auto_num_workers() -> int:
    """Processes for `-n auto`: half as many again as there are cores, for much of the suite waits."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture(scope="session", autouse=True)
def _nothing_phones_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever the suite does, no socket of this process, or of a Python that it starts, leaves the machine (P22)."""
    witness = tmp_path_factory.mktemp("sockets") / "refused.txt"
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = AUDITED if before is None else f"{AUDITED}{os.pathsep}{before}"
    os.environ["COTERIE_TESTS_SOCKETS"] = str(witness)
    with block_sockets(loopback=True) as refused:
        yield
    assert [*refused, *(witness.read_text().splitlines() if witness.exists() else [])] == []
