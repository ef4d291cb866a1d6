"""A process that is watched: read to its end, looked at on the way, and ended with all that it began."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

LOOK = 0.05
"""Seconds between two looks at what a process has begun."""
OVERHEAD = 4
"""Processes that are the sandbox's own."""
SHARED = 64 << 20
"""Bytes of memory that the sandbox's own processes may have."""
PAGE = os.sysconf("SC_PAGE_SIZE")
FROZEN = 0.1
"""Seconds to wait for a process to stop before it is ended."""


class Bounds(Protocol):
    """What a process may have."""

    @property
    def seconds(self) -> float:
        """How long it may take."""
        ...

    @property
    def processes(self) -> int:
        """How many there may be of it."""
        ...

    @property
    def memory(self) -> int:
        """Bytes that all of them may have together."""
        ...


class Watched:
    """A process that leads a group, what it wrote, and which limit it has broken.

    Its end is told by a pidfd and not by its pipes: what it left behind may hold those open.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.broken = ""
        self._most = output
        self._pipes = (process.stdout, process.stderr)
        self._wrote = (bytearray(), bytearray())
        self._over = asyncio.Event()

    def wrote(self, pipe: int) -> str:
        """What it wrote, to stdout (0) or to stderr (1)."""
        return bytes(self._wrote[pipe]).decode(errors="replace")

    async def to_the_end(self, bounds: Bounds) -> None:
        """Wait until it has ended or broken a limit."""
        loop = asyncio.get_running_loop()
        until = loop.time() + bounds.seconds
        ended = os.pidfd_open(self.process.pid)
        loop.add_reader(ended, self._over.set)
        for n, pipe in enumerate(self._pipes):
            os.set_blocking(pipe.fileno(), False)
            loop.add_reader(pipe, partial(self._read, n))
        try:
            while not self._over.is_set():
                left = until - loop.time()
                if left <= 0:
                    self._break(f"it took longer than {bounds.seconds:g} s")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), min(LOOK, max(left, 0.001)))
                self._look(bounds)
        finally:
            for one in (ended, *self._pipes):
                loop.remove_reader(one)
            os.close(ended)

    def end(self) -> None:
        """End it and all that it began; then there is nothing of it."""
        _freeze(self.process.pid)
        for child in reversed(list(_tree(self.process.pid))):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for n, pipe in enumerate(self._pipes):
            self._read(n)
            pipe.close()

    def _read(self, n: int) -> None:
        kept = self._wrote[n]
        try:
            part = os.read(self._pipes[n].fileno(), 1 << 16)
        except BlockingIOError:
            return
        if not part:
            asyncio.get_running_loop().remove_reader(self._pipes[n])
        kept += part[: self._most - len(kept)]
        if len(kept) == self._most:
            self._break(f"it wrote more than {self._most:,} bytes to {('stdout', 'stderr')[n]}")

    def _look(self, bounds: Bounds) -> None:
        below = list(_tree(self.process.pid))
        if len(below) > bounds.processes + OVERHEAD:
            self._break(f"it had more than {bounds.processes} processes")
        elif sum(map(_memory, below)) > bounds.memory + SHARED:
            self._break(f"its processes used more than {bounds.memory:,} bytes of memory")

    def _break(self, why: str) -> None:
        self.broken = self.broken or why
        self._over.set()


def _freeze(pid: int) -> None:
    """Stop a process from beginning anything more: who begins a child while it is killed would lose it."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + FROZEN
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state in "TtZX":
            return


def _tree(pid: int) -> Iterator[int]:
    """A process and all that it has begun."""
    yield pid
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in below:
        yield from _tree(int(child))


def _memory(pid: int) -> int:
    """The bytes of memory that a process has to itself."""
    try:
        _, resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * PAGE
