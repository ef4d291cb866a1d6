"""`make demo-all`: the eight ready-made teams, one after the other, on real input and the embedded model.

Everything is done through the `coterie` command, as a user would do it. The inputs lie in `examples/data`, and what
comes out in `.coterie/demo-all`.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from pathlib import Path

from msgspec import Struct

from coterie.errors import UnknownRun
from coterie.kernel.replay import counted
from coterie.kernel.story import state, under_way, usage
from coterie.stores import SqliteStore
from coterie.words.effect import Ask, kind_of
from coterie.words.event import Record

HERE = Path(__file__).resolve().parent.parent
DATA = HERE / "examples" / "data"
OUT = HERE / ".coterie" / "demo-all"
STORE = HERE / ".coterie" / "demo-all.db"
COMMAND = (sys.executable, "-m", "coterie")
REPLY = "We are sorry. Our head of service will call you today."
"""What the person at the desk says, when the support team brings a ticket to them."""


class Act(Struct, frozen=True):
    """A team, its task, and what it is given."""

    team: str
    task: str
    given: tuple[str, ...]


class Outcome(Struct, frozen=True):
    """What came of an act."""

    team: str
    status: str
    calls: int
    seconds: float


ACTS = (
    Act("research", "What do I do when I have forgotten my password?", ("--docs", f"{DATA}/handbook")),
    Act("code-review", "Review this", ("--file", f"{DATA}/orders.py", "--out", f"{OUT}/review")),
    Act(
        "support",
        "Replies to customers of Askoy Ferries",
        ("--tickets", f"{DATA}/tickets.jsonl", "--knowledge", f"{DATA}/handbook", "--out", f"{OUT}/replies"),
    ),
    Act("software", (DATA / "program.txt").read_text().strip(), ("--out", f"{OUT}/program")),
    Act("decision", "Where should we keep the Vega in winter?", ("--brief", f"{DATA}/brief.md")),
    Act("documents", "Papers of the museum", ("--folder", f"{DATA}/papers", "--out", f"{OUT}/index")),
    Act(
        "data-analysis",
        "Which shop earns the most?",
        ("--csv", f"{DATA}/bakery.csv", "--out", f"{OUT}/analysis"),
    ),
    Act(
        "notify",
        "Tell me when something has broken or failed.",
        ("--feed", f"{DATA}/feed.jsonl", "--outbox", f"{OUT}/outbox.jsonl"),
    ),
)


def main() -> int:
    """Play all acts; 0 if each came to its end."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    outcomes = [played(act) for act in ACTS]
    print("\nteam            status       model calls  seconds")
    for one in outcomes:
        print(f"{one.team:15} {one.status:12} {one.calls:11} {one.seconds:8.1f}")
    print(
        f"{'':15} {'':12} {sum(one.calls for one in outcomes):11} {sum(one.seconds for one in outcomes):8.1f}"
    )
    print(
        f"\nWhat they wrote is in {OUT.relative_to(HERE)}; `unverified` means that a team's own check did not hold."
    )
    return 0 if all(one.status in ("succeeded", "unverified") for one in outcomes) else 1


def played(act: Act) -> Outcome:
    """Play one act; people's questions are answered as they come."""
    run, began = f"{act.team}-{time.time_ns():x}", time.monotonic()
    said = " ".join((f"coterie run {act.team} {act.task!r}", *act.given)).replace(f"{HERE}/", "")
    print(f"\n\033[1m{said}\033[0m" if sys.stdout.isatty() else f"\n{said}", flush=True)
    coterie("run", act.team, act.task, *act.given, "--model", "embedded", "--id", run)
    known: list[str] = []
    while (asked := questions(journal(run))) and asked != known:
        known = asked  # an answer that is not taken is not given again
        print(f"and the person at the desk says: {REPLY}", flush=True)
        coterie("resume", run, *(word for path in asked for word in ("--answer", f"{path}={REPLY}")))
    records = journal(run)
    seconds = time.monotonic() - began
    return Outcome(act.team, state(records) if records else "failed", usage(records)[""].requests, seconds)


def questions(records: list[Record]) -> list[str]:
    """The paths of the questions that a run waits for people to answer; none while it can go on."""
    if not records or state(records) != "waiting":
        return []
    return [path for path, effect in under_way(counted(records)).items() if kind_of(effect) == Ask.kind]


def journal(run: str) -> list[Record]:
    """Every record of a run; none, if it was refused at the door."""

    async def read() -> list[Record]:
        store = SqliteStore(STORE)
        try:
            return await store.read(run)
        except UnknownRun:
            return []
        finally:
            await store.close()

    return asyncio.run(read())


def coterie(*args: str) -> int:
    """Run the command in this terminal; its exit code."""
    command = [*COMMAND, *args, "--quiet", "--store", str(STORE)]
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603 - our own command


if __name__ == "__main__":
    sys.exit(main())
