"""Members from cheap to dear."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.cascade import cascade
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "cascade") -> Actor:
    """Up while the length of the answer does not please."""
    return cascade(*members, good_enough=lambda said: len(said.text) % 3 == 0, name=name)
