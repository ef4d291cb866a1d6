"""A member with the others behind it."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.pipeline import pipeline
from coterie.patterns.resilient import resilient
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "resilient") -> Actor:
    """The first member, tried twice, then the others."""
    fallback = pipeline(*members[1:], name=f"{name}-others") if members[1:] else None
    return resilient(members[0], retries=1, delay=0, fallback=fallback, name=name)
