from collections.abc import Sequence

from coterie import Actor, Message, Team, fail_fast
from coterie.patterns.handoff import handoff
from coterie.words.failure import Policy
from coterie.words.handover import Transfer

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "handoff") -> Actor:
    """Each of `members` says something in turn and hands over to the next; the last one answers."""

    def desk(n, member):
        async def play(task):
            said = await member(task)
            if n == len(members) - 1:
                return said
            move = Transfer(
                to=f"{name}-desk{n + 1}", knowledge=(said.text,), resolved={f"r{n}": len(said.text)}
            )
            return Message(sender="", text=said.text, output=move, missing=said.missing)

        return Team(f"{name}-desk{n}", [member], play)

    return handoff(*[desk(n, member) for n, member in enumerate(members)], name=name)
