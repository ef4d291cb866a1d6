"""`python -m tests.chaos [--seed N] [--minutes M] [--runs N]`: every run ends right, whatever happens meanwhile."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.cluster import Cluster
from tests.chaos.network import namespaces_missing
from tests.chaos.scene import Told, played
from tests.stores.servers import nats, postgres_server, temporal

ENGINES = {"nats": nats, "temporal": lambda: temporal(kept=True)}


def main() -> None:
    """Do it, and tell what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Hurt a cluster.")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="nats")
    parser.add_argument(
        "--namespaces", action="store_true", help="a network namespace a worker, cut by its link; needs root"
    )
    given = parser.parse_args()
    if given.namespaces and (why := namespaces_missing()):
        parser.error(why)
    how = "network namespaces" if given.namespaces else "relays on loopback"
    _say(f"seed {given.seed}: {given.runs} runs in {given.minutes:g} minutes, over {given.engine} and {how}")
    with (
        postgres_server() as database,
        ENGINES[given.engine]() as broker,
        tempfile.TemporaryDirectory() as folder,
    ):
        cluster = Cluster(Path(folder), database, broker, given.seed, namespaces=given.namespaces)
        _tell(asyncio.run(played(cluster, minutes=given.minutes, runs=given.runs)), Path(folder))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _tell(told: Told, folder: Path) -> None:
    for line in told.lines():
        _say(line)
    if told.wrong:
        for log in sorted(folder.glob("*.log")):
            _say(f"--- {log.name}\n{log.read_text()[-20000:]}")
        sys.exit(1)


if __name__ == "__main__":
    main()
