"""What was used, and what it cost: by team, agent, model, day or tenant."""

from __future__ import annotations

import time

from coterie.doors.http.api.shapes import UsageFilter
from coterie.doors.http.operations import Call, Operations
from coterie.doors.spending import lines
from coterie.kernel.totals import Used, summed
from coterie.words.which import Which

operations = Operations()


@operations.add("GET", "/v1/usage", needs="viewer", query=UsageFilter, gives=list[Used])
async def read_usage(call: Call) -> list[Used]:
    """What the runs of this tenant used that began since a time (a day ago, unless said), the dearest first."""
    wanted: UsageFilter = call.query
    since = time.time() - 86_400 if wanted.since is None else wanted.since
    runs = await call.host.runs(Which(since=since, team=wanted.team or ""))
    return summed(await lines(runs, wanted.by, call.host.tenant, call.host.journal))
