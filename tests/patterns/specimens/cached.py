"""A cache in front of a pipeline."""

from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.cached import Answers, cached
from coterie.patterns.pipeline import pipeline
from coterie.words.failure import Policy


class Nothing:
    """A cache that forgets at once, so that a run comes to the same whenever it is performed."""

    async def get(self, key, now):
        return None

    async def put(self, key, answer, until):
        return None


POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "cached") -> Actor:
    """A pipeline through the members, behind a cache."""
    store: Answers = Nothing()
    return cached(pipeline(*members, name=f"{name}-line"), store=store, name=name)
