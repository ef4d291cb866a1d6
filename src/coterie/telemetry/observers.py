"""The observers of a process: those whose kits are installed and set up."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from coterie.ports import Observer
from coterie.telemetry.lines import Lines

if TYPE_CHECKING:
    from coterie.telemetry.figures import Figures


def figures() -> Figures | None:
    """What counts for Prometheus; None where its client is not installed."""
    if importlib.util.find_spec("prometheus_client") is None:
        return None
    from coterie.telemetry.figures import Figures

    return Figures()


def traces() -> Observer | None:
    """What makes traces; None where nobody has said where they go, or the kit is not installed."""
    if importlib.util.find_spec("opentelemetry") is None:
        return None
    try:
        from coterie.telemetry.traces import Traces, configured
    except ModuleNotFoundError:
        return None
    return Traces() if configured() else None


def observers(*, log: bool) -> tuple[Observer, ...]:
    """Everything that this process observes its runs with; `log` writes lines to stderr."""
    found = (figures(), traces(), Lines() if log else None)
    return tuple(one for one in found if one is not None)
