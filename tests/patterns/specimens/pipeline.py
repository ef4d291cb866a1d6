"""A pipeline through its members."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns import pipeline
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "pipeline") -> Actor:
    """Each member works on what the one before made."""
    return pipeline(*members, name=name)
