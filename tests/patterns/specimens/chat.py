"""Members who speak in turn."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.chat import chat
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "chat") -> Actor:
    """Two turns for each member."""
    return chat(*members, turns=2 * len(members), name=name)
