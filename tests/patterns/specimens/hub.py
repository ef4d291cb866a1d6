"""A center that asks every member."""

from collections.abc import Sequence

from coterie import Actor, Agent, fail_fast
from coterie.models import scripted
from coterie.patterns.hub import Request, Requests, hub
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "hub") -> Actor:
    """A request to each member."""

    def line(think):
        if "Now answer" in think.thread[-1].text:
            return f"{len(think.thread)} messages"
        if any(message.sender == f"{name}-center" for message in think.thread):
            return Requests(answer="nothing more")
        return Requests(tuple(Request(one.name, f"part {n}") for n, one in enumerate(members)))

    return hub(Agent(f"{name}-center", model=scripted(line)), *members, name=name, on_failure=on_failure)
