"""Whether the service lives, and whether it takes runs now."""

from __future__ import annotations

from coterie import __version__
from coterie.doors.http.api.shapes import Health
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem

operations = Operations()


@operations.add("GET", "/healthz", needs=None, gives=Health)
async def health(_: Call) -> Health:
    """Whether the service lives."""
    return Health(status="ok", version=__version__)


@operations.add("GET", "/readyz", needs=None, gives=Health, problems=(503,))
async def ready(call: Call) -> Health:
    """Whether it takes runs; not while it stops."""
    if call.service.stopping.is_set():
        raise Problem(503, "the service is stopping", {"Retry-After": "5"})
    return Health(status="ok", version=__version__)
