"""`python -m tests.chaos [--seed N] [--minutes M] [--runs N]`: every run ends right, whatever happens meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.scene import Told, played
from tests.stores.servers import nats, postgres_server


def main() -> None:
    """Do it, and tell what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Hurt a cluster.")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--runs", type=int, default=300)
    given = parser.parse_args()
    _say(f"seed {given.seed}: {given.runs} runs in {given.minutes:g} minutes")
    with postgres_server() as database, nats() as broker, tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(
            played(Path(folder), database, broker, seed=given.seed, minutes=given.minutes, runs=given.runs)
        )
        _tell(told, Path(folder))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _tell(told: Told, folder: Path) -> None:
    for line in told.lines():
        _say(line)
    if told.wrong:
        for log in sorted(folder.glob("*.log")):
            _say(f"--- {log.name}\n{log.read_text()[-4000:]}")
        sys.exit(1)


if __name__ == "__main__":
    main()
