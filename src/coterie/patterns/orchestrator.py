"""Orchestrator: a planner makes a plan, workers run it as a graph, a synthesizer answers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent, conversation
from coterie.calls import each, together
from coterie.errors import BadInput, BadPlan, BranchesFailed, RunError
from coterie.patterns.answers import again, missing_of
from coterie.patterns.parallel import concatenate
from coterie.patterns.planner import fitted
from coterie.patterns.plans import MANY, check_plan, plan_in
from coterie.patterns.steps import Ledger
from coterie.team import Team
from coterie.words.failure import CollectAll, FailFast, Failure, Policy, collect_all, fail_fast, failures
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
        planner = fitted(planner, workers, full=verify is not None)

    async def play(task: Task) -> Message:
        ledger = Ledger(f"{name}.plan", crew, verify)
        plan, asked = await _planned(planner, task, ledger, max_steps)
        left = 0 if isinstance(planner, Plan) else replans
        missing: tuple[Failure, ...] = ()
        while True:
            policy = collect_all if left and isinstance(on_failure, FailFast) else on_failure
            try:
                missing = failures(await ledger.perform(plan, task, policy))
                if not left or not ledger.failed or not isinstance(policy, CollectAll):
                    break
            except RunError:
                if not left:
                    raise
            left -= 1
            plan, asked = await _planned(planner, _replan(asked, ledger), ledger, max_steps)
        return await _answered(task, ledger, synthesizer, name, missing)

    known = [planner, *workers, synthesizer, verify]
    settings = {
        "plan": planner if isinstance(planner, Plan) else None,
        "limits": [replans, max_steps],
        "on_failure": repr(on_failure),
    }
    plans = 1 if isinstance(planner, Plan) else replans + 1
    steps = len(planner.steps) if isinstance(planner, Plan) else max_steps
    calls = [each(2 * plans, planner), together(plans * steps, *workers)]
    calls += [each(plans * steps, verify), each(1, synthesizer)]
    actors = [one for one in known if isinstance(one, Actor)]
    return Team(name, actors, play, settings=settings, calls=calls)


async def _planned(planner: Actor | Plan, asked: Task, ledger: Ledger, max_steps: int) -> tuple[Plan, Task]:
    """A plan that can be run, and the conversation that it came from; a bad one goes back once.

    Raises:
        BadPlan: if the second one is bad too.
    """
    if isinstance(planner, Plan):
        return planner, asked
    said = await planner(asked)
    try:
        plan = _checked(said, ledger, max_steps)
    except BadPlan as error:
        asked = again(asked, said, error.message)
        said = await planner(asked)
        plan = _checked(said, ledger, max_steps)
    return plan, Task("", conversation(asked).add(said), asked.data)


def _checked(said: Message, ledger: Ledger, max_steps: int) -> Plan:
    plan = plan_in(said)
    check_plan(plan, ledger.workers, done=ledger.done, max_steps=max_steps)
    return plan


def _replan(asked: Task, ledger: Ledger) -> Task:
    """What the planner is told when steps have failed."""
    why = "\n".join(f"- {id}: {failure.message}" for id, failure in ledger.failed.items())
    kept = ", ".join(ledger.done) or "none"
    text = (
        f"These steps failed:\n{why}\nDone, and kept: {kept}. Plan what is left; depend on done steps by id."
    )
    return Task(text, asked.context, asked.data)


async def _answered(
    task: Task, ledger: Ledger, synthesizer: Actor | None, name: str, missing: tuple[Failure, ...]
) -> Message:
    """The answer that the results add up to."""
    results = ledger.results
    if not results:
        why = "; ".join(map(str, missing))
        raise BranchesFailed(f"none of {len(missing)} steps has a result: {why}")
    missing = (*missing, *missing_of(results))
    if synthesizer is None:
        answer = concatenate(ledger.ends)
    else:
        answer = await synthesizer(Task(SYNTHESIZE, conversation(task).add(*results), task.data))
    return replace(answer, sender=name, parts=results, missing=missing)
