"""Figures for Prometheus, counted from the records of runs as they are journaled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from coterie.kernel.story import under_way
from coterie.models.gate import BOUNDS, gates, waits
from coterie.telemetry.clusters import Clusters, OneWorker
from coterie.words.cluster import Cluster, Hand
from coterie.words.effect import Ask, Effect, body_of, kind_of
from coterie.words.event import Asked, Closed, Noted, Record, Settled
from coterie.words.usage import Usage

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus' text format."""
NAMES = 500
"""Names of agents and tools that have figures of their own; who comes later is counted as `other`."""
BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1_800)
"""Seconds that an agent may take, for the histogram."""


class Figures:
    """An observer that counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        kept = self.registry
        self._requests = Counter(
            "agent_requests", "Calls of agents and teams", ["agent", "outcome"], registry=kept
        )
        self._seconds = Histogram(
            "agent_duration_seconds", "How long they took", ["agent"], buckets=BUCKETS, registry=kept
        )
        self._tools = Counter("tool_usage", "Calls of tools", ["tool", "outcome"], registry=kept)
        self._models = Counter("model_requests", "Requests to models", ["outcome"], registry=kept)
        self._tokens = Counter("coterie_tokens", "Tokens, by direction", ["direction"], registry=kept)
        self._usd = Counter("coterie_cost_usd", "What models cost, in US dollars", registry=kept)
        self._runs = Counter("coterie_runs", "Runs that have ended", ["status"], registry=kept)
        self._queue = Gauge("agent_queue_size", "Runs under way here", registry=kept)
        self._waiting = Gauge(
            "coterie_questions_open", "Questions to people in the runs under way here", registry=kept
        )
        self._parked = Gauge("coterie_runs_parked", "Runs that are put away", ["status"], registry=kept)
        kept.register(_Gates())
        self._steps = Counter("coterie_steps", "Steps of runs that were done", ["kind"], registry=kept)
        self._cluster = Clusters()
        kept.register(self._cluster)
        self._open: dict[str, _Open] = {}
        self._known: set[str] = set()
        self._labelled: dict[tuple[Any, tuple[str, ...]], Any] = {}

    def text(self) -> bytes:
        """The figures as Prometheus reads them."""
        return generate_latest(self.registry)

    def parked(self, status: str, count: int) -> None:
        """Say how many runs are put away: those that `waiting` is the status of, and those that are `paused`."""
        self._parked.labels(status).set(count)

    def cluster(self, seen: Cluster | None) -> None:
        """Say how the cluster stands that performs what is begun here; None where nobody knows."""
        self._cluster.seen = seen

    def of_worker(self, hand: Callable[[], Hand]) -> None:
        """Tell of the worker that this process is, too, by what it says of itself."""
        self.registry.register(OneWorker(hand))

    def began(self, run: str, records: Sequence[Record], /) -> None:
        self._open[run] = _Open(under_way(records))
        self._queue.inc()
        self._waiting.inc(self._open[run].questions)

    def happened(self, run: str, records: Sequence[Record], /) -> None:
        for record in records:
            self._take(self._open[run], record)

    def left(self, run: str, /) -> None:
        gone = self._open.pop(run, None)
        if gone is not None:
            self._queue.dec()
            self._waiting.dec(gone.questions)

    def _take(self, run: _Open, record: Record) -> None:
        before = run.questions
        match record.event:
            case Noted(path=path, fact="entered"):
                run.frames[path] = record.time
            case Noted(path=path, fact="left" | "failed" as fact):
                self._ended(run, path, "done" if fact == "left" else "failed", record.time)
            case Noted(path=path, fact="dropped"):
                run.over(path)
            case Asked(path=path, effect=effect):
                run.asks(path, effect)
            case Settled() as settled:
                self._settled(run, settled)
            case Closed(status=status):
                self._runs.labels(status).inc()
                run.close()
            case _:
                pass
        if run.questions != before:
            self._waiting.inc(run.questions - before)

    def _ended(self, run: _Open, path: str, outcome: str, now: float) -> None:
        agent = self._name(path.rpartition("/")[2].partition(".")[0])
        self._of(self._requests, agent, outcome).inc()
        self._of(self._seconds, agent).observe(max(now - run.frames.pop(path, now), 0.0))

    def _settled(self, run: _Open, settled: Settled) -> None:
        effect = run.over(settled.path)
        outcome = "done" if settled.failure is None else "failed"
        if settled.reused:
            return  # nothing was done for it
        if effect is not None:
            self._of(self._steps, kind_of(effect)).inc()
        if effect is not None and kind_of(effect) == "use":
            self._of(self._tools, self._name(tool_of(effect)), outcome).inc()
        elif effect is not None and kind_of(effect) == "think":
            self._of(self._models, outcome).inc()
        self._spent(settled.usage)

    def _spent(self, usage: Usage) -> None:
        self._of(self._tokens, "input").inc(usage.input_tokens)
        self._of(self._tokens, "output").inc(usage.output_tokens)
        self._usd.inc(usage.usd)

    def _of(self, figure: Any, *labels: str) -> Any:
        """A figure with labels, which the kit takes longer to find than to count."""
        found = self._labelled.get((figure, labels))
        if found is None:
            found = self._labelled[figure, labels] = figure.labels(*labels)
        return found

    def _name(self, name: str) -> str:
        """A name as a label, of which there may not be any number."""
        if name not in self._known and len(self._known) >= NAMES:
            return "other"
        self._known.add(name)
        return name


class _Gates(Collector):
    """The waits at the gates of providers, as they are when somebody asks."""

    def collect(self) -> Iterator[Metric]:
        waiting = sum(gate.waiting for gate in list(gates))
        yield GaugeMetricFamily("model_gate_waiting", "Requests that wait at the gates of models", waiting)
        bounds = [*map(str, BOUNDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(waits.up_to), strict=True))
        told = "How long requests have waited at the gates of models"
        yield HistogramMetricFamily("model_gate_wait_seconds", told, buckets, waits.seconds)


class _Open:
    """What is under way in one run: frames since when, and effects by path."""

    def __init__(self, effects: dict[str, Effect[object]]) -> None:
        self.frames: dict[str, float] = {}
        self.questions = 0
        """How many questions people have not answered."""
        self._effects: dict[str, Effect[object]] = {}
        for path, effect in effects.items():
            self.asks(path, effect)

    def asks(self, path: str, effect: Effect[object]) -> None:
        """Take note of what is begun."""
        self._effects[path] = effect
        self.questions += kind_of(effect) == Ask.kind

    def over(self, path: str) -> Effect[object] | None:
        """What was begun there, which is under way no more."""
        effect = self._effects.pop(path, None)
        self.questions -= effect is not None and kind_of(effect) == Ask.kind
        return effect

    def close(self) -> None:
        """Nothing is under way any more."""
        self._effects.clear()
        self.questions = 0


def tool_of(effect: Effect[object]) -> str:
    """The tool that a `Use` calls, live or read back."""
    return str(msgspec.msgpack.decode(body_of(effect))[0])
