"""Whether the service lives, and whether it takes runs now."""

from __future__ import annotations

from starlette.responses import Response

from coterie import __version__
from coterie.doors.http.api.shapes import Health
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem

operations = Operations()
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""


@operations.add("GET", "/healthz", needs=None, gives=Health)
async def health(_: Call) -> Health:
    """Whether the service lives."""
    return Health(status="ok", version=__version__)


@operations.add("GET", "/metrics", needs="viewer", gives=str, media="text/plain", problems=(404,))
async def read_metrics(call: Call) -> Response:
    """The figures of this process, as Prometheus reads them."""
    texts = [text() for one in call.service.observers if (text := getattr(one, "text", None)) is not None]
    if not texts:
        raise Problem(404, "nothing is counted here: pip install 'coterie[otel]'")
    return Response(texts[0], headers={"content-type": PROMETHEUS})


@operations.add("GET", "/readyz", needs=None, gives=Health, problems=(503,))
async def ready(call: Call) -> Health:
    """Whether it takes runs; not while it stops."""
    if call.service.stopping.is_set():
        raise Problem(503, "the service is stopping", {"Retry-After": "5"})
    return Health(status="ok", version=__version__)
