"""Members who work on one task at once."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns import parallel
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "parallel") -> Actor:
    """All members on the same task."""
    return parallel(*members, name=name, on_failure=on_failure)
