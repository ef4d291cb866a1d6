"""Members who react to one another."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.events import events, on
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "events") -> Actor:
    """A chain of reactions, and the first member hears all of it."""
    last = len(members) - 1
    reactions = [
        on("task" if not n else f"step.{n}", member, then=f"step.{n + 1}" if n < last else "over")
        for n, member in enumerate(members)
    ]
    return events(*reactions, on("step.>", members[0]), until="over", tries=2, name=name)
