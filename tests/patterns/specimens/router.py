"""A router by keywords, that tries the next where one fails."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.router import router
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "router") -> Actor:
    """The best of the members, and the next where it fails."""
    return router(members, past_failures=True, name=name)
