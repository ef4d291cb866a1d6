"""Trees of all patterns, grown from plain data; run as a program, the name of one's journal."""

import asyncio
import importlib
import sys
from hashlib import blake2b
from itertools import count
from pathlib import Path

from coterie import Agent, collect_all, fail_fast
from coterie.errors import ModelFailed
from coterie.models import scripted
from coterie.patterns import debate, orchestrator, parallel, pipeline, refine, stage
from coterie.stores import MemoryStore
from coterie.testing.crash import RUN
from coterie.wire.journal import Writer
from coterie.words.event import Record
from coterie.words.plan import Plan, Step

VARIED = ["pipeline", "parallel", "refine", "debate", "orchestrator"]
"""Patterns whose trees vary with a number."""
PATTERNS = VARIED + sorted(
    path.stem
    for path in (Path(__file__).parent / "patterns" / "specimens").glob("*.py")
    if path.stem not in ("__init__", *VARIED)
)
"""All of them: of the others, the trees are what the table of `tests/patterns` is made of."""


def grown(tree, policies=(collect_all, fail_fast), names=None):
    """The actor that a specification stands for; every actor in it has a name of its own."""
    names = count() if names is None else names
    if isinstance(tree, str):
        return Agent(f"{tree}{next(names)}")
    pattern, parts, n = tree
    members = [grown(part, policies, names) for part in parts]
    name, policy = f"{pattern}{next(names)}", policies[n % len(policies)]
    if pattern not in VARIED:
        specimen = importlib.import_module(f"tests.patterns.specimens.{pattern}")
        return specimen.build(members, on_failure=policy, name=name)
    other = Agent(f"says{next(names)}")
    if pattern == "pipeline":
        return pipeline(*[staged(one, other, n >> at) for at, one in enumerate(members)], name=name)
    if pattern == "parallel":
        return parallel(*members, join=other if n & 2 else None, name=name, on_failure=policy)
    if pattern == "refine":
        critics = [*members[1:], other]
        return refine(members[0], *critics, rounds=1 + n % 3, name=name, on_failure=policy)
    if pattern == "debate":
        return debate(*members, judge=other, rounds=n % 3, name=name, on_failure=policy)
    return orchestrator(plan_of(members, n), members, other if n & 2 else None, name=name, on_failure=policy)


def staged(actor, other, n):
    check = [None, lambda message: len(message.text) % 3 != 1 or "wrong length"][n & 1]
    return stage(actor, check=check, fallback=other if n & 2 else None)


def plan_of(workers, n):
    """Four steps; the bits of `n` say which depends on which."""
    steps = []
    for at in range(4):
        needed = tuple(f"s{one}" for one in range(at) if n >> (at * 2 - one) & 1)
        steps.append(
            Step(id=f"s{at}", worker=workers[at % len(workers)].name, task=f"do {at}", depends_on=needed)
        )
    return Plan(tuple(steps))


def line(think):
    """What a model says depends on who is asked and on the whole prompt, and on nothing else."""
    if think.actor.startswith("fails"):
        return ModelFailed(f"{think.actor} is down")
    name = blake2b(think.actor.encode() + think.thread.digest, digest_size=4).hexdigest()
    return "ok" if name[0] in "01234" else name


async def performed(actor):
    store = MemoryStore()
    result = await actor.run("go", model=scripted(line), store=store, id=RUN)
    return result, await store.read(RUN)


SAMPLE = ("parallel", [("pipeline", ["says", "says"], 5), ("refine", ["says", "says"], 2),
          ("debate", ["says", "fails"], 4), ("orchestrator", ["says", "says", "fails"], 54)], 2)  # fmt: skip


def journal_name():
    """A digest of the bytes of a journal of all five patterns."""
    _, records = asyncio.run(performed(grown(SAMPLE, policies=(collect_all,))))
    page, contents = Writer().page([Record(record.seq, 0.0, record.event) for record in records])
    return blake2b(page + b"".join(contents.values()), digest_size=32).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(journal_name())
