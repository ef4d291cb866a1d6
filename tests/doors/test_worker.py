"""`coterie worker`: what its hosts go by is what its options say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import asdict

from coterie import Agent
from coterie.doors.cli.governance import policy_called
from coterie.doors.cli.hosts import Hosts
from coterie.doors.cli.worker import Working, worker
from coterie.engines.local import LocalEngine
from coterie.errors import CoterieError, Denied, OverLimit
from coterie.shell.host import Host
from coterie.words.principal import Principal

RULES = """
rules:
  - {decision: deny, principals: eve, why: Eve is on leave}
default: allow
"""


def test_a_worker_goes_by_the_policy_the_quotas_and_the_doubts_that_it_is_given(tmp_path: Path) -> None:
    """Whom the policy denies is told why; a tenant with a quota of its own has that, any other the common one."""
    (tmp_path / "policy.yaml").write_text(RULES)
    place = str(tmp_path / "runs.db")
    told = Working(
        store=place,
        policy=str(tmp_path / "policy.yaml"),
        doubts=("pay*=ask",),
        days=("runs=0", "acme:runs=1"),
    )

    async def refused(host: Host, by: str) -> CoterieError | None:
        try:
            await host.begin(Agent("a"), "go", by=Principal(by))
        except CoterieError as error:
            return error
        return None

    async def scene() -> list[CoterieError | None]:
        engine = LocalEngine()
        hosts = Hosts(place, engine, told.rules())
        common, own = hosts.host_of("default"), hosts.host_of("acme")
        said = [await refused(common, "eve"), await refused(common, "ann"), await refused(own, "ann")]
        await hosts.close()
        await engine.close()
        return said

    denied, over, begun = asyncio.run(scene())
    assert isinstance(denied, Denied)
    assert ": Eve is on leave" in denied.message
    assert isinstance(over, OverLimit)
    assert "runs of tenant 'default'" in over.message
    assert begun is None
    with pytest.raises(CoterieError, match="no policy can be read"):
        policy_called(str(tmp_path / "none.yaml"))


def test_what_the_command_says_is_one_value() -> None:
    """Every option of `coterie worker` is a field, with the same default."""
    said = worker.make_context("worker", ["--store", "runs.db"]).params
    assert said == asdict(Working(store="runs.db"))
