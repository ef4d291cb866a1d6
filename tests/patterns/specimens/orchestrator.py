"""A plan in which the last step needs all the others."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns import orchestrator
from coterie.words.failure import Policy
from coterie.words.plan import Plan, Step

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "orchestrator") -> Actor:
    """A step a member, and a last one for the first member."""
    steps = [Step(id=f"s{n}", worker=one.name, task=f"do {n}") for n, one in enumerate(members)]
    needed = tuple(step.id for step in steps)
    last = Step(id="last", worker=members[0].name, task="sum up", depends_on=needed)
    return orchestrator(Plan((*steps, last)), members, name=name, on_failure=on_failure)
