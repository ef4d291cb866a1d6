"""A worker of the cluster: `coterie worker`, which tells what it waits for when it gets SIGUSR1."""

from __future__ import annotations

import asyncio
import signal
import sys

from coterie.doors.cli.commands import coterie


def told(*_: object) -> None:
    """Write where every task stands to stderr."""
    for task in asyncio.all_tasks(asyncio.get_running_loop()):
        task.print_stack(limit=8, file=sys.stderr)
    sys.stderr.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, told)
    coterie(["worker", *sys.argv[1:]])
