"""A debate between members, judged by the last of them."""

from collections.abc import Sequence

from coterie import Actor, Message, Team, fail_fast
from coterie.patterns import debate
from coterie.words.failure import Policy
from coterie.words.task import Task

POLICIES = True


async def shortest(task: Task) -> Message:
    """A judge that needs no model."""
    said = [message.text for message in task.context or () if message.sender != "user"]
    return Message(sender="judge", text=min(said, key=lambda text: (len(text), text)))


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "debate") -> Actor:
    """One round after the opening."""
    return debate(*members, judge=Team("judge", (), shortest), rounds=1, name=name, on_failure=on_failure)
