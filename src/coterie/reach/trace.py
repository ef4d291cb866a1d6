"""The trace that work is a part of (W3C Trace Context): taken from who asks us, given to whom we ask.

Where OpenTelemetry has a current span, that is the parent. Where this process makes no spans, what came in goes out
again, so that a trace has no hole where we are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

HEADER = "traceparent"
"""What the parent is called: in HTTP headers, in the `_meta` of MCP, and in the origin of a run."""
_VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_came: ContextVar[str] = ContextVar("traceparent", default="")


def parent_of(given: object) -> str:
    """The parent that `given` names; nothing if it names none."""
    return given if isinstance(given, str) and _VALID.fullmatch(given) else ""


def current() -> str:
    """The parent of what is done here and now; nothing where there is none."""
    otel = sys.modules.get("opentelemetry.trace")
    if otel is not None:
        span = otel.get_current_span().get_span_context()
        if span.is_valid:
            return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    return _came.get()


def carried() -> dict[str, str]:
    """What is to be sent along with a request."""
    parent = current()
    return {HEADER: parent} if parent else {}


@contextmanager
def within(parent: str) -> Generator[None]:
    """Have `parent`, unless it is nothing, be the parent of what is done inside the block."""
    if not parent:
        yield
        return
    token, attached = _came.set(parent), _attached(parent)
    try:
        yield
    finally:
        _came.reset(token)
        if attached is not None:
            sys.modules["opentelemetry.context"].detach(attached)


def _attached(parent: str) -> Any:
    """Have spans of others, such as of the protocols' kits, be below `parent` too, where OpenTelemetry is in use."""
    otel, context = sys.modules.get("opentelemetry.trace"), sys.modules.get("opentelemetry.context")
    if otel is None or context is None:
        return None
    _, trace_id, span_id, flags = parent.split("-")
    above = otel.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=otel.TraceFlags(int(flags, 16))
    )
    return context.attach(otel.set_span_in_context(otel.NonRecordingSpan(above)))
