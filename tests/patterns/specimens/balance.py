"""Tasks spread over members."""

from collections.abc import Sequence

from coterie import Actor, Team, fail_fast
from coterie.patterns.balance import balance
from coterie.patterns.parallel import parallel
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "balance") -> Actor:
    """Three tasks at once, for whoever is free."""
    spread = balance(*members, by="least_loaded", name=f"{name}-spread")
    calls = [Team(f"{name}-call{n}", [spread], _calling(spread, n)) for n in range(3)]
    return parallel(*calls, name=name, on_failure=on_failure)


def _calling(actor: Actor, n: int):
    async def play(task):
        return await actor(f"{n}: {task.text}")

    return play
