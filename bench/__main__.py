"""`python -m bench [names...] [--quick] [--write FILE]`: measure, and print a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter

from bench import (
    between,
    chat,
    context,
    disk,
    fan,
    graph,
    hosts,
    kernel,
    knowledge,
    lag,
    memory,
    postgres,
    resume,
    runs,
    service,
    start,
    stores,
    talk,
    waiting,
)
from bench.figures import Figure, Skipped, table
from bench.race import FULL, QUICK, Effort

FAMILIES: dict[str, Callable[[Effort], Iterable[Figure | Skipped]]] = {
    "kernel": kernel.figures,
    "talk": talk.figures,
    "runs": runs.figures,
    "stores": stores.figures,
    "postgres": postgres.figures,
    "hosts": hosts.figures,
    "between": between.figures,
    "fan": fan.figures,
    "graph": graph.figures,
    "chat": chat.figures,
    "context": context.figures,
    "resume": resume.figures,
    "disk": disk.figures,
    "service": service.figures,
    "start": start.figures,
    "memory": memory.figures,
    "waiting": waiting.figures,
    "lag": lag.figures,
    "knowledge": knowledge.figures,
}
LONG = ("waiting",)
"""Families that take many minutes: measured when they are named."""
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def main() -> None:
    """Measure what the command line names, or everything."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Coterie.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(FAMILIES)}")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer laps")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table between FILE's markers")
    given = parser.parse_args()
    if unknown := sorted(set(given.names) - set(FAMILIES)):
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(FAMILIES)}")
    if given.write is not None and not _has_place(given.write):
        parser.error(f"{str(given.write)!r} has no {BEGIN} and {END} to write between")
    said = measured(
        given.names or [name for name in FAMILIES if name not in LONG], QUICK if given.quick else FULL
    )
    if given.write is not None:
        write(given.write, said)


def measured(names: Iterable[str], effort: Effort) -> str:
    """The tables of some families, each printed when it is done."""
    said: list[str] = []
    for name in names:
        began = perf_counter()
        rows = table(list(FAMILIES[name](effort)))
        said.append(f"{name} ({perf_counter() - began:.0f} s)\n{rows}\n")
        print(said[-1], flush=True)
    return "\n".join(said)


def _has_place(file: Path) -> bool:
    """Whether `file` has the markers that a table goes between."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return END in text.partition(BEGIN)[2]


def write(file: Path, said: str) -> None:
    """Put `said` in the place of what is between the markers of `file`."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    file.write_text(f"{before}{begin}\n```text\n{said}```\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
