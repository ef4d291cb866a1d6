"""Members who build on one another's entries."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.blackboard import Source, blackboard
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "blackboard") -> Actor:
    """The others work from what the first one adds."""
    first, *others = members
    sources = [
        Source(first, adds="base"),
        *[Source(one, ("base",), f"more{n}") for n, one in enumerate(others)],
    ]
    return blackboard(*sources, name=name)
