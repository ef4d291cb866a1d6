"""Whether the service lives, and whether it takes runs now."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from starlette.responses import Response

from coterie import __version__
from coterie.doors.http.api.shapes import Health
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem
from coterie.errors import EngineUnavailable
from coterie.ports import Surveyed
from coterie.stores.places import DEFAULT
from coterie.words.cluster import Cluster, cluster_of

operations = Operations()
PARKED = ("waiting", "paused")
"""Where runs stand that are put away."""
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


@runtime_checkable
class Counts(Protocol):
    """An observer whose figures can be read."""

    def text(self) -> bytes:
        """The figures as Prometheus reads them."""
        ...

    def parked(self, status: str, count: int) -> None:
        """Say how many runs are put away."""
        ...

    def cluster(self, seen: Cluster | None) -> None:
        """Say how the cluster stands that performs what is begun here."""
        ...


@operations.add("GET", "/healthz", needs=None, gives=Health)
async def health(_: Call) -> Health:
    """Whether the service lives."""
    return Health(status="ok", version=__version__)


@operations.add("GET", "/metrics", needs="viewer", gives=str, media="text/plain", problems=(404,))
async def read_metrics(call: Call) -> Response:
    """The figures of this process, as Prometheus reads them."""
    if call.by.tenant != DEFAULT:
        raise Problem(403, f"the figures are of all tenants: they are for keys of the tenant {DEFAULT!r}")
    figures = next((one for one in call.service.observers if isinstance(one, Counts)), None)
    if figures is None:
        raise Problem(404, "nothing is counted here: pip install 'coterie[otel]'")
    for status in PARKED:
        figures.parked(status, await call.service.count(status))
    figures.cluster(await _cluster(call))
    return Response(figures.text(), headers={"content-type": PROMETHEUS})


async def _cluster(call: Call) -> Cluster | None:
    """How the cluster stands; None where there is none, or nobody can be asked."""
    engine = call.service.engine
    if not isinstance(engine, Surveyed):
        return None
    try:
        return cluster_of(await engine.queues(), await engine.workers())
    except EngineUnavailable:
        return None


@operations.add("GET", "/readyz", needs=None, gives=Health, problems=(503,))
async def ready(call: Call) -> Health:
    """Whether it takes runs; not while it stops."""
    if call.service.stopping.is_set():
        raise Problem(503, "the service is stopping", {"Retry-After": "5"})
    return Health(status="ok", version=__version__)
