"""Who holds a lease: a process on a host, told apart from a later one with the same number."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path

ENDED = ("Z", "X")
"""States of a process that does nothing any more (proc(5), field 3)."""


@lru_cache(maxsize=1)
def _me(pid: int) -> str:
    return f"{socket.gethostname()}/{pid}/{_born(pid)}"


def holder() -> str:
    """This process, as `host/pid/when it was born`."""
    return _me(os.getpid())


def dead(name: str) -> bool:
    """Whether the process `name` is certainly gone; of one on another host nobody here can tell."""
    host, _, rest = name.rpartition("/")[0].partition("/")
    born = name.rpartition("/")[2]
    if host != socket.gethostname() or not rest.isdigit():
        return False
    return _born(int(rest)) != born or not _runs(int(rest))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _born(pid: int) -> str:
    """When a process began, in ticks since boot, where the system tells (proc(5), field 22).

    Nothing of one that has ended, though its parent may not have been told yet.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if not _runs(pid) else "?"
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ENDED else fields[19]
