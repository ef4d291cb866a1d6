"""What the runs of the cluster do: every pattern, of members that each leave a line with an outside witness."""

import asyncio
import importlib
import os
import time
from hashlib import blake2b
from pathlib import Path

from coterie import Team, do, tool

PATTERNS = sorted(
    path.stem
    for path in (Path(__file__).parents[1] / "patterns" / "specimens").glob("*.py")
    if path.stem != "__init__"
)


STEP = 0.3
"""Seconds that a step takes."""
TURNS = 5


@tool(idempotent=True)
async def witnessed(said: str, idempotency_key: str = "") -> str:
    """Say outside, under the key of this call, that it was done, and when it was begun; nothing, if nobody listens."""
    if (witness := os.environ.get("WITNESS")) is None:
        return said
    began = time.time()
    await asyncio.sleep(STEP)
    file = os.open(witness, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{idempotency_key} {began}\n".encode())  # a line this short is written whole
    finally:
        os.close(file)
    return said


def says(name: str) -> Team:
    """A member whose answer depends on its task alone."""

    async def play(task):
        return await do(witnessed, blake2b(f"{name} {task.text}".encode(), digest_size=4).hexdigest())

    return Team(name, (), play)


def made(pattern: str) -> Team:
    """A small team of a pattern, done again and again, so that a run takes a while."""
    specimen = importlib.import_module(f"tests.patterns.specimens.{pattern}")
    members = [says(f"{pattern}-one"), says(f"{pattern}-two")]
    inner = specimen.build(members, name=pattern)

    async def play(task):
        said = task.text
        for turn in range(TURNS):
            said = (await inner(f"{turn} {said}")).text
        return said

    return Team(f"again-{pattern}", [inner], play)


TEAMS = {pattern: made(pattern) for pattern in PATTERNS}
globals().update({f"team_{pattern}": team for pattern, team in TEAMS.items()})
