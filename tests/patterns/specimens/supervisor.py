"""A lead that gives each member its part, one after the other."""

from collections.abc import Sequence

from coterie import Actor, Agent, fail_fast
from coterie.models import scripted
from coterie.patterns.supervisor import Turn, supervisor
from coterie.words.failure import Policy

POLICIES = False


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "supervisor") -> Actor:
    """A turn for each member, and an answer."""

    def line(think):
        known = sum(message.sender not in ("user", f"{name}-lead") for message in think.thread)
        tried = sum(message.sender == f"{name}-lead" for message in think.thread)
        if tried >= len(members):
            return Turn(answer=f"{known} results")
        return Turn(worker=members[tried].name, task=f"part {tried}", done_when="done")

    return supervisor(Agent(f"{name}-lead", model=scripted(line)), members, name=name)
