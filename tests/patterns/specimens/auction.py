from collections.abc import Sequence

from coterie import Actor, Message, Team, fail_fast
from coterie.patterns import Bidder, auction
from coterie.words.bid import Bid
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "auction") -> Actor:
    """Each of `members` is asked, what it says makes its bid, and the best bidder does the task."""

    def bidding(n, member):
        async def play(task):
            said = await member(task)
            bid = Bid(willing=True, capability=(1 + len(said.text) % 9) / 10, reason=said.text)
            return Message(sender="", text=said.text, output=bid, missing=said.missing)

        return Team(f"{name}-bid{n}", [member], play)

    bidders = [Bidder(member, bidding(n, member)) for n, member in enumerate(members)]
    return auction(*bidders, within=None, name=name)
