"""The cluster that performs what is begun here: what waits on its queues, and who works on them."""

from __future__ import annotations

from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem
from coterie.ports import Surveyed
from coterie.words.cluster import Cluster, cluster_of

operations = Operations()


@operations.add("GET", "/v1/cluster", needs="admin", gives=Cluster, problems=(404,))
async def read_cluster(call: Call) -> Cluster:
    """What waits for a worker, for how long, and who works. For autoscaling: `depth` and `age` are those of all."""
    engine = call.service.engine
    if not isinstance(engine, Surveyed):
        raise Problem(
            404, "this service performs its runs itself, or by an engine that does not say who works"
        )
    return cluster_of(await engine.queues(), await engine.workers())
