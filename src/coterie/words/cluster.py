"""A cluster as it stands: what waits on its queues, and who works on them."""

from __future__ import annotations

from msgspec import Struct


class Queue(Struct, frozen=True, kw_only=True):
    """Runs that wait for a worker: of one priority, and that need the same.

    `depth` is how many wait, `age` for how many seconds the first of them has, `under_way` how many workers have.
    `dead` were given up.
    """

    needs: tuple[str, ...] = ()
    priority: int = 1
    depth: int = 0
    age: float = 0.0
    under_way: int = 0
    dead: int = 0


class Hand(Struct, frozen=True, kw_only=True):
    """A worker as it says itself: who it is, what it has, and what it does now."""

    worker: str
    version: str
    has: tuple[str, ...] = ()
    concurrency: int = 0
    under_way: int = 0
    performed: int = 0
    since: float = 0.0
    draining: bool = False


class Cluster(Struct, frozen=True, kw_only=True):
    """All of it: `depth` and `age` are those of what waits, whatever it needs."""

    queues: tuple[Queue, ...]
    workers: tuple[Hand, ...]
    depth: int
    age: float


def cluster_of(queues: list[Queue], workers: list[Hand]) -> Cluster:
    """The cluster of these queues and workers."""
    return Cluster(
        queues=tuple(sorted(queues, key=lambda one: (-one.priority, one.needs))),
        workers=tuple(sorted(workers, key=lambda one: one.worker)),
        depth=sum(one.depth for one in queues),
        age=max((one.age for one in queues if one.depth), default=0.0),
    )
