"""What is asked of runs afterwards: exports, compliance reports, and two runs side by side."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from coterie.doors.http.api.shapes import Replayed, Verified
from coterie.doors.http.operations import Call, Operations
from coterie.errors import Diverged
from coterie.kernel.audit import Report, report
from coterie.kernel.difference import Difference, difference
from coterie.kernel.story import opened, state
from coterie.shell.audit import exported, verified
from coterie.shell.run import relived

operations = Operations()


@operations.add(
    "GET",
    "/v1/runs/{id}/export",
    needs="viewer",
    gives=bytes,
    problems=(404,),
    media="application/octet-stream",
)
async def export_run(call: Call) -> Response:
    """A run as one file, which `coterie verify FILE` checks anywhere."""
    id = call.path["id"]
    data = await exported(call.host.store, id)
    return Response(data, media_type="application/octet-stream")


@operations.add("GET", "/v1/runs/{id}/report", needs="viewer", gives=Report, problems=(404,))
async def report_on_run(call: Call) -> Report:
    """Every side effect of a run: who, why, by which path and version, with which approval, and how it ended."""
    id = call.path["id"]
    return report(id, await call.host.journal(id))


@operations.add("GET", "/v1/runs/{id}/verify", needs="viewer", gives=Verified, problems=(404,))
async def verify_run(call: Call) -> Verified:
    """Whether the journal of a run is what was written: nothing changed, dropped or moved."""
    id = call.path["id"]
    return Verified(run=id, problems=await verified(call.host.store, id))


@operations.add("POST", "/v1/runs/{id}/replay", needs="operator", gives=Replayed, problems=(404,))
async def replay_run(call: Call) -> Replayed:
    """Live the journal of a run again with the team as it is now, performing nothing: whether it comes out the same."""
    id = call.path["id"]
    records = await call.host.journal(id)
    actor = call.service.library.of_run(opened(records))
    try:
        result = await asyncio.to_thread(relived, actor, id, records)
    except Diverged as error:
        status = state(records)
        return Replayed(run=id, same=False, events=len(records), status=status, difference=str(error))
    return Replayed(run=id, same=True, events=len(records), status=result.status)


@operations.add("GET", "/v1/runs/{id}/diff/{other}", needs="viewer", gives=Difference, problems=(404,))
async def diff_runs(call: Call) -> Difference:
    """Two runs side by side: what each came to, where they part, and what each took."""
    here, there = call.path["id"], call.path["other"]
    return difference(here, await call.host.journal(here), there, await call.host.journal(there))
