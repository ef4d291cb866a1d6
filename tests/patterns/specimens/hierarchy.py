"""A lead that gives every member a subtask."""

from collections.abc import Sequence

from coterie import Actor, Agent, fail_fast
from coterie.models import scripted
from coterie.patterns.hierarchy import hierarchy
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "hierarchy") -> Actor:
    """A subtask for each member."""

    def line(think):
        if "results" in think.thread[-1].text:
            return f"{len(think.thread)} messages"
        return {"assignments": [{"team": one.name, "task": f"part {n}"} for n, one in enumerate(members)]}

    return hierarchy(Agent(f"{name}-lead", model=scripted(line)), members, name=name, on_failure=on_failure)
