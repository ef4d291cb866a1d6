"""Figures of a cluster: what waits on its queues and who works on them, and what one worker does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from coterie.stores.renewals import renewals
from coterie.words.cluster import Cluster, Hand, Queue

QUEUES: Sequence[tuple[str, str, Callable[[Queue], float]]] = (
    ("coterie_queue_depth", "Runs that wait for a worker", lambda one: one.depth),
    ("coterie_queue_age_seconds", "For how long the first of them has waited", lambda one: one.age),
    ("coterie_queue_under_way", "Runs that workers have", lambda one: one.under_way),
    ("coterie_queue_dead", "Runs that were given up", lambda one: one.dead),
)
"""What is said of each queue."""
LABELS = ("priority", "needs")


class Clusters(Collector):
    """What was seen of a cluster last; nothing, where nobody has looked."""

    def __init__(self) -> None:
        self.seen: Cluster | None = None

    def collect(self) -> Iterator[Metric]:
        if self.seen is None:
            return
        for name, told, of in QUEUES:
            figure = GaugeMetricFamily(name, told, labels=LABELS)
            for one in self.seen.queues:
                figure.add_metric((str(one.priority), ",".join(one.needs)), of(one))
            yield figure
        hands = self.seen.workers
        yield GaugeMetricFamily("coterie_workers", "Workers that have answered", len(hands))
        room = sum(one.concurrency for one in hands if not one.draining)
        yield GaugeMetricFamily(
            "coterie_workers_concurrency", "Runs that they perform at once, at most", room
        )


class OneWorker(Collector):
    """What a worker says of itself, and how often leases were renewed in its process."""

    def __init__(self, hand: Callable[[], Hand]) -> None:
        self._hand = hand

    def collect(self) -> Iterator[Metric]:
        hand = self._hand()
        gauges: tuple[tuple[str, str, Any], ...] = (
            ("coterie_worker_under_way", "Runs that this worker performs", hand.under_way),
            ("coterie_worker_concurrency", "Runs that it performs at once, at most", hand.concurrency),
            ("coterie_worker_draining", "Whether it takes no more", int(hand.draining)),
        )
        for name, told, value in gauges:
            yield GaugeMetricFamily(name, told, value)
        yield CounterMetricFamily("coterie_worker_runs", "Runs that it has performed", hand.performed)
        yield CounterMetricFamily(
            "coterie_lease_renewals", "Leases of runs that were renewed", renewals.count
        )
