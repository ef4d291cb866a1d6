"""Plans: asking for one, finding one in a message, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from coterie.actor import Actor, Given
from coterie.agent import conversation
from coterie.errors import BadPlan
from coterie.kernel.values import to_plain
from coterie.patterns.answers import again
from coterie.patterns.workers import Worker, Workers, assign, workers_of
from coterie.typed import parse, value_of
from coterie.words.effect import Put
from coterie.words.message import Message
from coterie.words.plan import Assigned, Plan, Step
from coterie.words.task import Task, task_of

MANY = 50
"""Steps that a plan may have unless its orchestrator says otherwise."""


async def plan_of(goal: Given, planner: Actor, workers: Workers, *, max_steps: int = MANY) -> Plan:
    """The plan that `planner` makes of `goal`, with a worker for each step; a bad one goes back once.

    Raises:
        BadInput: without workers, or if two have one name.
        BadPlan: if the second plan cannot be run either.
    """
    crew = workers_of(workers, "a plan")
    return (await planned(planner, task_of(goal), crew, max_steps=max_steps))[0]


async def planned(
    planner: Actor,
    asked: Task,
    crew: Mapping[str, Worker],
    *,
    done: Collection[str] = (),
    max_steps: int = MANY,
) -> tuple[Plan, Task]:
    """A plan that can be run, and the conversation that it came from; a bad one goes back once.

    Raises:
        BadPlan: if the second one is bad too.
    """
    said = await planner(asked)
    try:
        plan = await runnable(plan_in(said), crew, done=done, max_steps=max_steps)
    except BadPlan as error:
        asked = again(asked, said, error.message)
        said = await planner(asked)
        plan = await runnable(plan_in(said), crew, done=done, max_steps=max_steps)
    return plan, Task("", conversation(asked).add(said), asked.data)


async def runnable(
    plan: Plan, crew: Mapping[str, Worker], *, done: Collection[str] = (), max_steps: int = MANY
) -> Plan:
    """`plan` with a worker for each step. Why a step goes to whom, where it named nobody, is on the board.

    Raises:
        BadPlan: if it cannot be run by `crew`.
    """
    plan, made = assign(plan, crew)
    check_plan(plan, crew, done=done, max_steps=max_steps)
    await tell(made)
    return plan


async def tell(made: tuple[Assigned, ...]) -> None:
    """Put on the board why steps that named nobody go to whom."""
    if made:
        await Put("plan.assigned", made)


def plan_in(message: Message) -> Plan:
    """The plan that a message holds, as its output or in its text.

    Raises:
        BadPlan: if it holds none.
    """
    output = message.output
    if isinstance(output, Plan):
        return output
    try:
        plan: Plan = parse(message.text, Plan) if output is None else value_of(to_plain(output), Plan)
    except (ValueError, TypeError) as error:
        raise BadPlan(f"this is no plan: {error}", raw=message.text) from error
    return plan


def check_plan(
    plan: Plan, workers: Collection[str], *, done: Collection[str] = (), max_steps: int = MANY
) -> None:
    """See that `plan` can be run by `workers`, where the steps in `done` have a result already.

    Raises:
        BadPlan: if it is empty or too long, an id comes twice, a worker or a dependency is unknown,
            or a step can never be reached; the message names every fault and its path.
    """
    faults = [*_size(plan, max_steps), *_names(plan, workers, done)] or _cycles(plan, done)
    if faults:
        raise BadPlan("; ".join(faults))


def _size(plan: Plan, max_steps: int) -> list[str]:
    if not plan.steps:
        return ["the plan has no steps"]
    if len(plan.steps) > max_steps:
        return [f"the plan has {len(plan.steps)} steps, {max_steps} are allowed"]
    return []


def _names(plan: Plan, workers: Collection[str], done: Collection[str]) -> list[str]:
    """Ids that come twice, and workers and dependencies that do not exist."""
    faults: list[str] = []
    ids = {step.id for step in plan.steps}
    seen: set[str] = set()
    for step in plan.steps:
        if step.id in seen:
            faults.append(f"two steps are called {step.id!r}")
        seen.add(step.id)
        if not step.worker:
            faults.append(f"step {step.id!r} has neither a worker nor what one has to be able to do (can)")
        elif step.worker not in workers:
            faults.append(f"step {step.id!r} is for {step.worker!r}; the workers are {sorted(workers)}")
        missing = [needed for needed in step.depends_on if needed not in ids and needed not in done]
        faults += [f"step {step.id!r} depends on {needed!r}, which is no step" for needed in missing]
    return faults


def _cycles(plan: Plan, done: Collection[str]) -> list[str]:
    """The steps that could never start, each with the way from it back to itself or into a cycle."""
    steps = {step.id: step for step in plan.steps}
    blocked = _blocked(plan, done)
    faults: list[str] = []
    told: set[str] = set()
    for start in steps:
        if start in blocked and start not in told:
            path = _path(steps, blocked, start)
            told.update(path)
            what = "a cycle" if path[0] == path[-1] else "unreachable, behind a cycle"
            faults.append(f"{what}: {' -> '.join(path)}")
    return faults


def _blocked(plan: Plan, done: Collection[str]) -> set[str]:
    """The ids of steps that never have all they need (Kahn 1962)."""
    needs = {step.id: {id for id in step.depends_on if id not in done} for step in plan.steps}
    dependants: dict[str, list[str]] = {id: [] for id in needs}
    for id, needed in needs.items():
        for one in needed:
            dependants[one].append(id)
    free = [id for id, needed in needs.items() if not needed]
    for id in free:
        for dependant in dependants[id]:
            needs[dependant].discard(id)
            if not needs[dependant]:
                free.append(dependant)
    return set(needs) - set(free)


def _path(steps: dict[str, Step], blocked: set[str], start: str) -> list[str]:
    """From `start` through what blocks it, until a step comes again."""
    path, at = [start], start
    while True:
        at = next(id for id in steps[at].depends_on if id in blocked)
        path.append(at)
        if at in path[:-1]:
            return path
