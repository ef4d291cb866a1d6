"""Orchestrator: a planner makes a plan, workers run it as a graph, a synthesizer answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent, conversation
from coterie.calls import Calls, each, together
from coterie.errors import BranchesFailed, RunError
from coterie.patterns.answers import missing_of
from coterie.patterns.parallel import concatenate
from coterie.patterns.planner import fitted
from coterie.patterns.plans import MANY, check_plan, planned, tell
from coterie.patterns.steps import Ledger
from coterie.patterns.workers import Worker, Workers, assign, workers_of
from coterie.team import Team
from coterie.words.failure import CollectAll, FailFast, Failure, Policy, collect_all, fail_fast, failures
from coterie.words.message import Message
from coterie.words.plan import Plan, Replan
from coterie.words.task import Task

SYNTHESIZE = "These are the results of the steps. Answer the task from them."


class Orchestrator(Team):
    """A team that works by a plan: who makes it, and who its steps are for."""

    planner: Actor | Plan
    workers: Workers
    again: Callable[[Plan], Orchestrator]

    def given(self, plan: Plan) -> Orchestrator:
        """This team with a plan that is made already.

        Raises:
            BadPlan: if it cannot be run; the message names every fault and its path.
        """
        return self.again(plan)


def orchestrator(
    planner: Actor | Plan,
    workers: Sequence[Actor | Worker],
    synthesizer: Actor | None = None,
    *,
    verify: Actor | None = None,
    replans: int = 1,
    max_steps: int = MANY,
    name: str = "orchestrator",
    on_failure: Policy = fail_fast,
) -> Orchestrator:
    """A team that splits its task into steps, runs each as soon as its own inputs are there, and answers.

    `planner` answers with a `Plan`, or is one; an agent without an output type is made to. A
    plan that cannot be run goes back to the planner once. A step that fails is told to the
    planner, at most `replans` times; what is done stays done, and under `fail_fast` the others go
    on while there is a replan left. A step may say what has to be done (`can`) and not by whom: the
    worker that fits best gets it. A step's `done_when` is put to its worker, and to `verify`.
    Without a `synthesizer` the answer is what the last steps said. `parts` is what each step
    said, in the plan's order; `missing` is which steps have no result, and why.

    Raises:
        BadInput: without workers, or if two have one name.
        BadPlan: if `planner` is a plan that cannot be run.
    """
    crew = workers_of(workers, f"orchestrator {name!r}")
    actors = {one: worker.actor for one, worker in crew.items()}
    given, made = assign(planner, crew) if isinstance(planner, Plan) else (None, ())
    if given is not None:
        check_plan(given, crew, max_steps=max_steps)
    elif isinstance(planner, Agent) and planner.output is None:
        planner = fitted(planner, workers, full=verify is not None)

    async def play(task: Task) -> Message:
        ledger = Ledger(f"{name}.plan", actors, verify)
        if given is not None:
            await tell(made)
            missing = failures(await ledger.perform(given, task, on_failure))
        else:
            assert isinstance(planner, Actor)  # what is no plan makes one
            missing = await _performed(planner, task, crew, ledger, replans, max_steps, on_failure)
        return await _answered(task, ledger, synthesizer, name, missing)

    known = [planner, *actors.values(), synthesizer, verify]
    settings = {
        "plan": planner if isinstance(planner, Plan) else None,
        "limits": [replans, max_steps],
        "on_failure": repr(on_failure),
    }
    plans = 1 if isinstance(planner, Plan) else replans + 1
    steps = len(planner.steps) if isinstance(planner, Plan) else max_steps
    calls = [each(2 * plans, planner), *_calls(planner, crew, plans * steps)]
    calls += [each(plans * steps, verify), each(1, synthesizer)]
    members = [one for one in known if isinstance(one, Actor)]
    team = Orchestrator(name, members, play, settings=settings, calls=calls)
    team.planner, team.workers = planner, workers
    team.again = lambda given: orchestrator(
        given, workers, synthesizer, verify=verify, max_steps=max_steps, name=name, on_failure=on_failure
    )
    return team


async def _performed(
    planner: Actor,
    task: Task,
    crew: Mapping[str, Worker],
    ledger: Ledger,
    left: int,
    max_steps: int,
    on_failure: Policy,
) -> tuple[Failure, ...]:
    """Perform a plan, and up to `left` others in the place of one that failed; what is missing in the end."""
    plan, asked = await planned(planner, task, crew, max_steps=max_steps)
    while True:
        policy = collect_all if left and isinstance(on_failure, FailFast) else on_failure
        try:
            missing = failures(await ledger.perform(plan, task, policy))
            if not left or not ledger.failed or not isinstance(policy, CollectAll):
                return missing
        except RunError:
            if not left:
                raise
        left -= 1
        asked = _replan(asked, ledger)
        plan, asked = await planned(planner, asked, crew, done=ledger.done, max_steps=max_steps)


def _calls(planner: Actor | Plan, crew: Mapping[str, Worker], steps: int) -> list[Calls]:
    """How often workers are called at most: of a given plan, each as often as it has steps."""
    if not isinstance(planner, Plan):
        return [together(steps, *(worker.actor for worker in crew.values()))]
    given = Counter(step.worker for step in assign(planner, crew)[0].steps)
    return [each(given[one], worker.actor) for one, worker in crew.items()]


def _replan(asked: Task, ledger: Ledger) -> Task:
    """What the planner is told when steps have failed."""
    why = "\n".join(f"- {id}: {failure.message}" for id, failure in ledger.failed.items())
    kept = ", ".join(ledger.done) or "none"
    text = (
        f"These steps failed:\n{why}\nDone, and kept: {kept}. Plan what is left; depend on done steps by id."
    )
    data = asked.data.data if isinstance(asked.data, Replan) else asked.data
    failed = {id: failure.message for id, failure in ledger.failed.items()}
    known = tuple(dict.fromkeys((*ledger.order, *failed)))
    return Task(text, asked.context, Replan(tuple(ledger.done), failed, known, data))


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
