"""Orchestrator: a planner makes a plan, workers run it as a graph, a synthesizer answers."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.actor import Actor, gather
from coterie.agent import Agent, conversation
from coterie.check import label
from coterie.errors import BadInput, BadPlan, BranchesFailed, RunError
from coterie.patterns.answers import again, missing_of
from coterie.patterns.plans import MANY, check_plan, fitted, plan_in
from coterie.patterns.steps import Ledger
from coterie.team import Team
from coterie.words.effect import Put
from coterie.words.failure import FailFast, Policy, collect_all, fail_fast, failures
from coterie.words.message import Message
from coterie.words.plan import Plan
from coterie.words.task import Task

SYNTHESIZE = "These are the results of the steps. Answer the task from them."


def orchestrator(
    planner: Actor | Plan,
    workers: Sequence[Actor],
    synthesizer: Actor | None = None,
    *,
    verify: Actor | None = None,
    replans: int = 1,
    max_steps: int = MANY,
    name: str = "orchestrator",
    on_failure: Policy = fail_fast,
) -> Team:
    """A team that splits its task into steps, runs each as soon as its own inputs are there, and answers.

    `planner` answers with a `Plan`, or is one; an agent without an output type is made to. A
    plan that cannot be run goes back to the planner once. A step that fails is told to the
    planner, at most `replans` times; what is done stays done, and under `fail_fast` the others go
    on while there is a replan left. A step's `done_when` is put to its worker, and to `verify`.
    Without a `synthesizer` the answer is what the last steps said. `parts` is what each step
    said, in the plan's order; `missing` is which steps have no result, and why.

    Raises:
        BadInput: without workers, or if two have one name.
        BadPlan: if `planner` is a plan that cannot be run.
    """
    crew = {worker.name: worker for worker in workers}
    if not crew or len(crew) != len(workers):
        raise BadInput(f"orchestrator {name!r} needs workers, each with a name of its own")
    if isinstance(planner, Plan):
        check_plan(planner, crew, max_steps=max_steps)
    elif isinstance(planner, Agent) and planner.output is None:
        planner = fitted(planner, workers)
    source, left = planner, 0 if isinstance(planner, Plan) else replans

    async def play(task: Task) -> Message:
        ledger = Ledger(name, crew, verify)
        asking, replans = task, left
        while True:
            plan, asking = await _planned(source, asking, ledger, max_steps)
            await Put(f"{name}.plan", plan)
            missing, error = await _performed(ledger, plan, task, on_failure, replans)
    ...
    return Team(name, (), play)
