"""The observers of a process: those whose kits are installed and set up."""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from coterie.ports import Observer
from coterie.telemetry.lines import Lines

if TYPE_CHECKING:
    from coterie.telemetry.figures import Figures

VARIABLES = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
"""Variables of OpenTelemetry that say where traces and metrics go."""


def figures() -> Figures | None:
    """What counts for Prometheus; None where its client is not installed."""
    if importlib.util.find_spec("prometheus_client") is None:
        return None
    from coterie.telemetry.figures import Figures

    return Figures()


def traces() -> Observer | None:
    """What makes traces; None where nobody has said where they go, or the kit is not installed.

    Somebody has who set OpenTelemetry up in this process, or set a variable of its standard that says where to.

    Raises:
        MissingExtra: if a variable names an exporter that is not installed.
    """
    asked = any(os.environ.get(name) for name in VARIABLES)
    if not (asked or "opentelemetry" in sys.modules) or importlib.util.find_spec("opentelemetry") is None:
        return None
    try:
        from coterie.telemetry.traces import Traces, configured, set_up
    except ModuleNotFoundError:
        return None
    if asked and not configured():
        set_up()
    return Traces() if configured() else None


@cache
def tracing() -> tuple[Observer, ...]:
    """What a process observes its runs with whose figures nobody can ask for: traces, where they are wanted."""
    made = traces()
    return () if made is None else (made,)


def observers(*, log: bool) -> tuple[Observer, ...]:
    """Everything that this process observes its runs with; `log` writes lines to stderr."""
    found = (figures(), traces(), Lines() if log else None)
    return tuple(one for one in found if one is not None)
