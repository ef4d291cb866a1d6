"""A task in five parts, done by members in turn."""

from collections.abc import Sequence

from coterie import Actor, Team, fail_fast
from coterie.patterns.mapreduce import mapreduce
from coterie.words.failure import Policy
from coterie.words.task import Task

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "mapreduce") -> Actor:
    """Five parts, two at once."""

    async def work(task):
        return await members[int(task.text) % len(members)](f"part {task.text}")

    def split(task: Task):
        return (str(n) for n in range(5))

    return mapreduce(
        Team(f"{name}-worker", members, work), split=split, at_once=2, name=name, on_failure=on_failure
    )
