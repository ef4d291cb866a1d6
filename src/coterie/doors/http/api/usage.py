"""What was used, and what it cost: by team, agent, model, day or tenant."""

from __future__ import annotations

import time

from coterie.doors.http.api.shapes import UsageFilter
from coterie.doors.http.operations import Call, Operations
from coterie.doors.spending import lines
from coterie.kernel.totals import Used, summed
from coterie.words.usage import Usage
from coterie.words.which import Which

operations = Operations()


@operations.add("GET", "/v1/usage", needs="viewer", query=UsageFilter, gives=list[Used])
async def read_usage(call: Call) -> list[Used]:
    """What runs of this tenant used that began since a time (a day ago, unless said), the dearest first.

    By tenant, who has the token of this machine is told of all of them.
    """
    wanted: UsageFilter = call.query
    since = time.time() - 86_400 if wanted.since is None else wanted.since
    which = Which(since=since, team=wanted.team or "")
    found: list[tuple[str, str, Usage]] = []
    for tenant in call.service.seen_by(call.by) if wanted.by == "tenant" else [call.by.tenant]:
        host = call.service.host(tenant)
        found += await lines(await host.runs(which), wanted.by, tenant, host.journal)
    return summed(found)
