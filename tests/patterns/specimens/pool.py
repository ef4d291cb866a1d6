"""Members called at once through a pool of one place."""

from collections.abc import Sequence

from coterie import Actor, Team, fail_fast
from coterie.patterns.parallel import parallel
from coterie.patterns.pool import pool
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "pool") -> Actor:
    """Two calls of each member, one at a time."""
    crew = [pool(member, size=1, name=f"{name}-{n}") for n, member in enumerate(members)]
    calls = [Team(f"{name}-call{n}", [one], _calling(one, n)) for n, one in enumerate([*crew, *crew])]
    return parallel(*calls, name=name, on_failure=on_failure)


def _calling(actor: Actor, n: int):
    async def play(task):
        return await actor(f"{n}: {task.text}")

    return play
