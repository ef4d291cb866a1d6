"""What runs need of a worker, as part of the names of queues."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from urllib.parse import quote, unquote

ANY = "any"
"""What a run needs that needs nothing."""
FEW = 4
"""Capabilities of which a worker looks for every combination."""


def named(needs: Sequence[str]) -> str:
    """One name for all that need the same; it has no dot, slash, space or quote."""
    return "+".join(sorted(quote(one, safe="").replace(".", "%2E") for one in needs)) or ANY


def needed(name: str) -> tuple[str, ...]:
    """What is needed by what has this name."""
    return () if name == ANY else tuple(unquote(one) for one in name.split("+"))


def fitting(has: Sequence[str]) -> Iterator[str]:
    """The names of all that a worker can do; of more than `FEW`, what needs none, one, two, or all of them."""
    able = sorted(set(has))
    sizes = range(len(able) + 1) if len(able) <= FEW else (0, 1, 2, len(able))
    return (named(some) for size in sizes for some in combinations(able, size))
