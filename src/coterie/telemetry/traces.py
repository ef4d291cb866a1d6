"""Traces: the frames and steps of runs as OpenTelemetry spans, with GenAI's names (`opentelemetry-util-genai`).

A run is an `invoke_workflow` span, a frame below it `invoke_agent`, a model call `chat`, a tool `execute_tool`. Parents
come from the paths in the journal, never from where the code happens to run: so they are true across threads,
processes and protocols, and a run that is gone on with elsewhere has its open frames again.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from opentelemetry import metrics, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk import _configuration as sdk
from opentelemetry.semconv.attributes.error_attributes import ErrorTypeValues
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.genai.handler import TelemetryHandler  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.util.genai.invocation import GenAIInvocation, InferenceInvocation  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.util.genai.types import Error  # pyright: ignore[reportMissingTypeStubs]

from coterie import __version__
from coterie.errors import MissingExtra
from coterie.kernel.replay import counted
from coterie.kernel.story import under_way
from coterie.reach.trace import HEADER, parent_of
from coterie.words.effect import Effect, body_of, kind_of
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled
from coterie.words.usage import Usage

PATH: Final = "coterie.path"
"""The attribute that says where in its run a span is."""
STATUS: Final = "coterie.status"
"""The attribute that says how a run ended."""
PROPAGATOR: Final = TraceContextTextMapPropagator()
PROVIDER: Final = "coterie"
"""Who answers, as far as a journal knows: the model's name says the rest."""


def configured() -> bool:
    """Whether this process has somewhere to send traces or metrics to."""
    unset = ("ProxyTracerProvider", "NoOpTracerProvider", "_ProxyMeterProvider", "NoOpMeterProvider")
    providers = (trace.get_tracer_provider(), metrics.get_meter_provider())
    return any(type(one).__name__ not in unset for one in providers)


def set_up() -> None:
    """Set the SDK up as its environment variables say; who names an address and no exporter means OTLP.

    Raises:
        MissingExtra: if they name an exporter that is not installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    os.environ.setdefault("OTEL_SERVICE_NAME", "coterie")
    for signal in ("TRACES", "METRICS"):
        if {"OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"} & os.environ.keys():
            os.environ.setdefault(f"OTEL_{signal}_EXPORTER", "otlp")
    configurator: Any = vars(sdk)[
        "_OTelSDKConfigurator"
    ]  # what every distribution of OpenTelemetry builds on
    try:
        configurator().configure()
    except RuntimeError as error:
        raise MissingExtra(
            f"{error}: pip install opentelemetry-exporter-otlp, or unset the variable"
        ) from error


class Traces:
    """An observer that makes spans of what happens in runs."""

    def __init__(self, **providers: Any) -> None:
        self._handler = TelemetryHandler(
            instrumentation_scope_name="coterie", instrumentation_scope_version=__version__, **providers
        )
        self._runs: dict[str, _Trace] = {}

    def began(self, run: str, records: Sequence[Record], /) -> None:
        self._runs[run] = _Trace(self._handler, run)
        if records:
            self._runs[run].gone_on_with(records)

    def happened(self, run: str, records: Sequence[Record], /) -> None:
        for record in records:
            self._runs[run].add(record)

    def left(self, run: str, /) -> None:
        trace = self._runs.pop(run, None)
        if trace is not None:
            trace.end(None)

    @contextmanager
    def within(self, run: str, path: str, /) -> Generator[None]:
        trace = self._runs.get(run)
        above = None if trace is None else trace.context(path)
        if above is None:
            yield
            return
        token = attach(above)
        try:
            yield
        finally:
            detach(token)


class _Trace:
    """The open spans of one run, by path; the one of the run itself is at the path of its actor."""

    def __init__(self, handler: TelemetryHandler, run: str) -> None:
        self._handler = handler
        self._run = run
        self._open: dict[str, GenAIInvocation] = {}
        self._below: dict[str, list[str]] = {}

    def gone_on_with(self, records: Sequence[Record]) -> None:
        """Open again what was open in the journal so far."""
        frames: dict[str, Record] = {}
        kept = counted(records)
        for record in kept:
            event = record.event
            if isinstance(event, Noted) and event.fact == "entered":
                frames[event.path] = record
            elif isinstance(event, Noted) and event.fact in ("left", "failed"):
                frames.pop(event.path, None)
        for record in [kept[0], *frames.values()]:
            self.add(record)
        for path, effect in under_way(kept).items():
            self._ask(path, effect)

    def add(self, record: Record) -> None:
        """Take what happened."""
        match record.event:
            case Opened(actor=name, origin=origin):
                above = _came_with(origin)
                workflow = self._handler.workflow(name, context=above, conversation_id=self._run, **APART)
                self._put(name, workflow)
            case Noted(path=path, fact="entered") if path not in self._open:
                self._enter(path)
            case Noted(path=path, fact="left") if "/" in path:
                self._stop(path)
            case Noted(path=path, fact="failed", about=why) if "/" in path:
                self._stop(path, Error(why, ErrorTypeValues.OTHER.value))
            case Noted(path=path, fact="dropped"):
                self._stop(path, CANCELLED)
            case Asked(path=path, effect=effect):
                self._ask(path, effect)
            case Settled() as settled:
                self._settle(settled)
            case Closed() as closed:
                self.end(closed)
            case _:
                pass

    def end(self, closed: Closed | None) -> None:
        """End whatever is open: children first, and the run by how it closed; None if it was only parked."""
        paths = list(self._open)
        for path in reversed(paths[1:]):
            self._stop(path, CANCELLED if closed is not None else None)
        if paths:
            root = self._open[paths[0]]
            failure = None if closed is None else closed.failure
            if closed is not None:
                root.attributes[STATUS] = closed.status
            self._stop(paths[0], None if failure is None else Error(failure.message, failure.kind))

    def _enter(self, path: str) -> None:
        name = path.rpartition("/")[2].partition(".")[0]
        context = self._above(path)
        self._put(
            path,
            self._handler.invoke_local_agent(
                agent_name=name, context=context, conversation_id=self._run, **APART
            ),
        )

    def _ask(self, path: str, effect: Effect[Any]) -> None:
        kind = kind_of(effect)
        if kind not in ("think", "use"):
            return
        said = msgspec.msgpack.decode(body_of(effect))
        context = self._above(path)
        self._stop(path)  # asked again, after a crash
        if kind == "use":
            self._put(path, self._handler.tool(str(said[0]), context=context, **APART))
            return
        model = str(said[1]) or None
        self._put(path, self._handler.inference(PROVIDER, request_model=model, context=context, **APART))

    def _settle(self, settled: Settled) -> None:
        span = self._open.get(settled.path)
        if isinstance(span, InferenceInvocation):
            _spent(span, settled.usage)
        failure = settled.failure
        self._stop(settled.path, None if failure is None else Error(failure.message, failure.kind))

    def context(self, path: str) -> Any:
        """The context of the span at a path, or of the nearest one above it; None where none is open."""
        return self._open[path].context if path in self._open else self._above(path)

    def _above(self, path: str) -> Any:
        """The context of the nearest open span above a path."""
        above = self._parent(path)
        return self._open[above].context if above else None

    def _parent(self, path: str) -> str:
        """The path of the nearest open span above a path; empty where there is none."""
        while "/" in path:
            path = path.rpartition("/")[0]
            if path in self._open:
                return path
        return ""

    def _put(self, path: str, span: GenAIInvocation) -> None:
        span.attributes[PATH] = path
        self._open[path] = span
        self._below.setdefault(self._parent(path), []).append(path)

    def _stop(self, path: str, error: Error | None = None) -> None:
        """End a span, and before it whatever is still open below it: a frame that is left takes its branches along."""
        for below in self._below.pop(path, ()):
            self._stop(below, CANCELLED)
        span = self._open.pop(path, None)
        if span is None:
            return
        if error is None:
            span.stop()
        else:
            span.fail(error)


APART: Final[dict[str, Any]] = {"_attach_to_context": False}
"""Spans of many runs are open at once on one loop: none is the current one."""
CANCELLED: Final = Error("nobody waits for it any more", "cancelled")


def _came_with(origin: Mapping[str, Any]) -> Any:
    """The context of whoever asked for a run; an empty one if nobody said, so that no run is below another's span."""
    parent = parent_of(origin.get(HEADER))
    return PROPAGATOR.extract({HEADER: parent}, Context()) if parent else Context()


def _spent(span: InferenceInvocation, usage: Usage) -> None:
    span.input_tokens = usage.input_tokens
    span.output_tokens = usage.output_tokens
    if usage.cache_read_tokens:
        span.cache_read_input_tokens = usage.cache_read_tokens
