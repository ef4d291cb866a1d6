"""A committee whose members' letters are votes."""

from collections.abc import Sequence

from coterie import Actor, Message, Team, collect_all
from coterie.patterns.committee import committee
from coterie.patterns.votes import first_declared, plurality
from coterie.words.failure import Policy
from coterie.words.vote import Vote

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = collect_all, name: str = "committee") -> Actor:
    """A vote of each member, from what it says."""

    def voter(n, member):
        async def play(task):
            said = await member(task)
            choice = "yes" if len(said.text) % 3 else "no"
            return Message(
                sender="", text=said.text, output=Vote(choice=choice, reason=said.text), missing=said.missing
            )

        return Team(f"{name}-voter{n}", [member], play)

    crew = [voter(n, member) for n, member in enumerate(members)]
    return committee(*crew, rule=first_declared(plurality), name=name, on_failure=on_failure)
