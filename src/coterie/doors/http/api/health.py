"""Whether the service lives, and whether it takes runs now."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from starlette.responses import Response

from coterie import __version__
from coterie.doors.http.api.shapes import Health
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem
from coterie.stores.places import DEFAULT

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
    return Response(figures.text(), headers={"content-type": PROMETHEUS})


@operations.add("GET", "/readyz", needs=None, gives=Health, problems=(503,))
async def ready(call: Call) -> Health:
    """Whether it takes runs; not while it stops."""
    if call.service.stopping.is_set():
        raise Problem(503, "the service is stopping", {"Retry-After": "5"})
    return Health(status="ok", version=__version__)
