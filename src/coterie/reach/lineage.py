"""Lineage: the runs above the one that is performed here, on whatever hosts, as far as they have told one another.

A run that asks a remote agent says whose work it is. So an agent that is asked for what it is at work on above can say
so, and peers that live apart do not send a task round in circles.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

ABOVE = "above"
"""What the runs above are called in the origin of a run."""
LONGEST = 32
"""Runs that may stand above one another."""
_above: ContextVar[tuple[str, ...]] = ContextVar("above", default=())


def lineage() -> tuple[str, ...]:
    """The run that is performed here, after those above it; the highest first, none where nothing is performed."""
    return _above.get()


@contextmanager
def performing(run: str, origin: Mapping[str, Any]) -> Generator[None]:
    """Have `run`, which is below those that its origin names, be performed inside the block."""
    above: Sequence[str] = origin.get(ABOVE, ())
    token = _above.set((*above, run))
    try:
        yield
    finally:
        _above.reset(token)
