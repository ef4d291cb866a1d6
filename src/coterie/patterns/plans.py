"""Plans: what is wrong with one, and an agent that makes good ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import msgspec

from coterie.actor import Actor
from coterie.agent import Agent
from coterie.errors import BadPlan
from coterie.kernel.values import to_plain
from coterie.typed import parse, value_of
from coterie.words.message import Message
from coterie.words.plan import Plan, Step

MANY = 50
"""Steps that a plan may have unless its orchestrator says otherwise."""


def planner(
    name: str,
    workers: Sequence[Actor],
    *,
    model: str | Callable[..., Any] | None = None,
    instructions: str = "",
    **options: Any,
) -> Agent:
    """An agent that splits a task into steps for `workers`; takes the options of `Agent`.

    Its answer has the workers' names as an enumeration, so a model that is held to a schema
    cannot name another, and the prompt is short enough for a small one.
    """
    crew = "\n".join(f"- {worker.name}{_does(worker)}" for worker in workers)
    told = [instructions, f"Split the task into a few steps. Each goes to one worker:\n{crew}", RULES]
    text = "\n\n".join(filter(None, told))
    return Agent(name, text, model=model, output=_plan_for([worker.name for worker in workers]), **options)


RULES = (
    "A step is told its task and the results of the steps in its depends_on; steps that need no "
    "other's result run at once."
)


def fitted(agent: Agent, workers: Sequence[Actor]) -> Agent:
    """`agent` as a planner for `workers`."""
    return planner(
        agent.name,
        workers,
        model=agent.model or agent.model_name,
        instructions=agent.instructions,
        tools=tuple(agent.tools.values()),
        settings=agent.brief.settings,
        turns=agent.turns,
        repairs=agent.repairs,
        done_when=agent.done_when,
    )


def _does(worker: Actor) -> str:
    """What a worker is for, in a line."""
    told = worker.instructions.strip() if isinstance(worker, Agent) else ""
    return f": {told.splitlines()[0]}" if told else ""


def _plan_for(names: Sequence[str]) -> type[msgspec.Struct]:
    """The type of a plan whose steps go to `names` and nobody else."""
    literal: Any = Literal
    several: Any = tuple
    step = msgspec.defstruct(
        "Step",
        [
            ("id", str),
            ("worker", literal[tuple(names)]),
            ("task", str),
            ("depends_on", tuple[str, ...], ()),
            ("complexity", Literal["low", "medium", "high"], "medium"),
            ("done_when", str, ""),
        ],
    )
    return msgspec.defstruct("Plan", [("steps", several[step, ...])])


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
        if step.worker not in workers:
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
