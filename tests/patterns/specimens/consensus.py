"""A proposer that amends until the others approve."""

from collections.abc import Sequence

from coterie import Actor, Message, Team, fail_fast
from coterie.patterns.consensus import consensus
from coterie.words.failure import Policy
from coterie.words.vote import Vote

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "consensus") -> Actor:
    """The first member proposes, and all of them vote."""

    def voter(n, member):
        async def play(task):
            said = await member(task)
            vote = Vote(choice="approve" if len(said.text) % 2 == 0 else "reject", reason=said.text)
            return Message(sender="", text=said.text, output=vote, missing=said.missing)

        return Team(f"{name}-voter{n}", [member], play)

    crew = [voter(n, member) for n, member in enumerate(members)]
    return consensus(members[0], crew, rounds=2, quorum=1, name=name)
