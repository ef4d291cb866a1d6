"""Topics: what was sent and not heard yet, the most urgent first, and who waits to hear."""

from __future__ import annotations

from collections import deque
from typing import Any

from coterie.errors import BadInput
from coterie.kernel.frames import Strand

LEVELS = 4
"""Priorities: 0 low, 1 normal, 2 high, 3 urgent."""
NOTHING: Any = object()


class Topic:
    """One queue a priority, and the strands that wait, longest first."""

    __slots__ = ("queues", "waiting")

    def __init__(self) -> None:
        self.queues: tuple[deque[Any], ...] = tuple(deque() for _ in range(LEVELS))
        self.waiting: deque[tuple[Strand, Any]] = deque()

    def put(self, message: Any, priority: int) -> Strand | None:
        """Queue `message`, or give back the strand that has waited longest and takes it now."""
        while self.waiting:
            strand, hear = self.waiting.popleft()
            if strand.wait is hear and not strand.closed:
                return strand
        if not 0 <= priority < LEVELS:
            raise BadInput(f"a priority is 0 to {LEVELS - 1}, not {priority}")
        self.queues[priority].append(message)
        return None

    def take(self) -> Any:
        """The most urgent, then oldest, message; `NOTHING` if there is none."""
        for queue in reversed(self.queues):
            if queue:
                return queue.popleft()
        return NOTHING
