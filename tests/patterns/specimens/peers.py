from collections.abc import Sequence

from coterie import Actor, Agent, fail_fast
from coterie.models import scripted
from coterie.patterns.peers import Peer, peers
from coterie.words.failure import Policy
from coterie.words.handover import Part, Split

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "peers") -> Actor:
    """A peer splits the task, a part for each of `members`, and answers with what they made of it."""
    split = Split(tuple(Part(f"part {n}", f"skill{n}") for n in range(len(members))))

    def line(think):
        if "what the others made" not in think.thread[-1].text:
            return split
        return " + ".join(
            message.text for message in think.thread if message.sender not in ("user", lead.name)
        )

    lead = Agent(f"{name}-lead", model=scripted(line))
    crew = [Peer(member, (f"skill{n}",)) for n, member in enumerate(members)]
    return peers(lead, *crew, name=name, on_failure=on_failure)
