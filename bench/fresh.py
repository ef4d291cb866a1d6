"""Fresh processes: what has to be measured where nothing was done before."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent.parent
"""The repository."""


def child(module: str, *arguments: object) -> dict[str, float]:
    """What `python -m module arguments` prints: one JSON object of numbers."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=dict[str, float])


def tell(**numbers: float) -> None:
    """Print what the parent's `child` gives back."""
    sys.stdout.write(msgspec.json.encode(numbers).decode())


def memory() -> float:
    """Megabytes of memory that this process has now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak() -> float:
    """The most megabytes of memory that this process has had.

    Linux's `getrusage` goes on from the parent's own peak, so its status file is asked first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
