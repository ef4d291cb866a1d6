"""One measurement of one framework, in a process of its own in the framework's environment. Standard library alone.

`python -m bench.peers.lap PEER WORKLOAD` prints a JSON object: `ms`, the best of some laps, and where it matters `mb`.
A peer is a module of this package; its workloads are async functions of these names, each done once a call.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter

LAPS: dict[str, tuple[int, int]] = {
    "call": (5, 20),
    "use_tool": (5, 20),
    "pipeline": (5, 10),
    "chat": (1, 1),
    "steps": (5, 1),
    "fan": (2, 1),
}
"""How many laps there are, and how often the work is done in each."""
LONG = 30.0


def peak() -> float:
    """The most megabytes of memory that this process has had."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6


async def measured(work: Callable[[], Awaitable[None]], laps: int, times: int) -> dict[str, float]:
    """The best lap after one that warms up, and what the peak of memory rose by. A lap of half a minute is the last."""
    before = peak()
    best = float("inf")
    for lap in range(laps + 1):
        gc.collect()
        began = perf_counter()
        for _ in range(times):
            await work()
        took = perf_counter() - began
        if lap or laps == 1 or took > LONG:
            best = min(best, took)
        if took > LONG:
            break
    return {"ms": best / times * 1e3, "mb": peak() - before}


def main() -> None:
    """Measure what the command line names."""
    peer, workload = sys.argv[1:]
    module = importlib.import_module(f"bench.peers.{peer}")
    laps, times = LAPS[workload]
    said = asyncio.run(measured(getattr(module, workload), laps, times))
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
