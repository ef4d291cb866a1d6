"""An author, and the others as critics."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns import refine
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "refine") -> Actor:
    """The first member writes; all of them, the first too where it is alone, criticize."""
    critics = members[1:] or members
    return refine(members[0], *critics, rounds=2, name=name, on_failure=on_failure)
