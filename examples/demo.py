"""`make demo`: the main job on the embedded model, and then the same job killed half-way and resumed.

Everything is done through the `coterie` command, as a user would do it. The folder is this project's own `docs`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from coterie.kernel.story import closed
from coterie.stores import SqliteStore
from coterie.words.event import Record, Settled
from coterie.words.message import Message

HERE = Path(__file__).resolve().parent.parent
DOCS = str(HERE / "docs")
STORE = HERE / ".coterie" / "demo.db"
FIRST = "What can each durability level of the SQLite store lose?"
SECOND = "What happens to a tool that was under way at a crash?"
ENOUGH = 4
"""Model calls that have to be in the journal before the second run is killed."""


def main() -> int:
    """Play both acts; 0 if all went as promised."""
    STORE.parent.mkdir(exist_ok=True)
    first, second = f"demo-{time.time_ns():x}", f"killed-{time.time_ns():x}"
    say(f'1. coterie run research "{FIRST}" --docs docs')
    if coterie("run", "research", FIRST, "--docs", DOCS, "--id", first) not in (0, 1):
        return 1
    say(f'2. The same for "{SECOND}", killed with SIGKILL once {ENOUGH} model calls are in its journal')
    kill_in_the_middle(second)
    before = model_calls(second)
    print(f"   killed; in its journal are {len(before)} finished model calls")
    say(f"3. coterie resume {second}")
    if coterie("resume", second) not in (0, 1):
        return 1
    after = model_calls(second)
    again = [path for path in after if after.count(path) > 1]
    made = [path for path in after if path not in before]
    print(
        f"   {len(before)} model calls came from the journal, {len(made)} were made, {len(again)} were made again"
    )
    say("4. coterie verify: is the journal what was written?")
    whole = coterie("verify", second) == 0 and asyncio.run(ended(second))
    print(f"\nLook at both with: .venv/bin/coterie show {first} --store {STORE.relative_to(HERE)}")
    return 0 if whole and made and not again and after[: len(before)] == before else 1


def say(what: str) -> None:
    """Announce an act."""
    print(f"\n\033[1m{what}\033[0m" if sys.stdout.isatty() else f"\n{what}", flush=True)


def coterie(*args: str) -> int:
    """Run the command in this terminal; its exit code."""
    return subprocess.run([*COMMAND, *args, "--store", str(STORE)], check=False).returncode  # noqa: S603 - our own command


COMMAND = (sys.executable, "-m", "coterie")


def kill_in_the_middle(run: str) -> None:
    """Start the second run, and kill its process when enough model calls are settled."""
    command = [
        *COMMAND,
        "run",
        "research",
        SECOND,
        "--docs",
        DOCS,
        "--id",
        run,
        "--json",
        "--store",
        str(STORE),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        settled = 0
        for line in process.stdout or ():
            event = json.loads(line)
            if is_model_call(event):
                settled += 1
                print(f"   {event['path']}", flush=True)
            if settled == ENOUGH:
                process.send_signal(signal.SIGKILL)
                break


def is_model_call(event: dict[str, object]) -> bool:
    """Whether a line of `--json` says that a model has answered."""
    return event.get("type") == "settled" and "/think." in str(event.get("path"))


def model_calls(run: str) -> list[str]:
    """The paths of the model calls that the journal knows the answer of, oldest first."""
    events = [record.event for record in asyncio.run(journal(run))]
    return [event.path for event in events if isinstance(event, Settled) and isinstance(event.value, Message)]


async def journal(run: str) -> list[Record]:
    """Every record of a run."""
    store = SqliteStore(STORE)
    try:
        return await store.read(run)
    finally:
        await store.close()


async def ended(run: str) -> bool:
    """Whether a run came to its end."""
    return closed(await journal(run)) is not None


if __name__ == "__main__":
    sys.exit(main())
