from collections.abc import Sequence

from coterie import Actor, fail_fast
from coterie.patterns.backlog import Job
from coterie.patterns.workqueue import workqueue
from coterie.words.failure import Policy

POLICIES = True


def build(members: Sequence[Actor], *, on_failure: Policy = fail_fast, name: str = "workqueue") -> Actor:
    """Each of `members` takes a job, and who is done first takes one more."""

    def jobs(task):
        return [Job(f"{task.text} {n}", priority=n % 2) for n in range(len(members) + 1)]

    return workqueue(*members, tasks=jobs, name=name, on_failure=on_failure)
