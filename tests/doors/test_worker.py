"""`coterie worker`: what its hosts go by is what its options say."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie import Agent
from coterie.doors.cli.doubts import doubts_said
from coterie.doors.cli.governance import policy_called
from coterie.doors.cli.quotas import quotas_said
from coterie.doors.cli.worker import Desk
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
    rules = {
        "policy": policy_called(str(tmp_path / "policy.yaml")),
        "in_doubt": doubts_said(("pay*=ask",)),
        "quotas": quotas_said(("runs=0", "acme:runs=1")),
    }

    async def refused(host: Host, by: str) -> CoterieError | None:
        try:
            await host.begin(Agent("a"), "go", by=Principal(by))
        except CoterieError as error:
            return error
        return None

    async def scene() -> list[CoterieError | None]:
        engine = LocalEngine()
        desk = Desk(str(tmp_path / "runs.db"), engine, None, rules)
        common, own = desk.host_of("default"), desk.host_of("acme")
        said = [await refused(common, "eve"), await refused(common, "ann"), await refused(own, "ann")]
        await desk.close()
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
