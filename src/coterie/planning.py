"""Planning: plans before they run. Made by a run of their own, drawn, bounded, kept as JSON, and read again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from coterie.actor import Actor
from coterie.errors import BadPlan
from coterie.patterns.orchestrator import orchestrator
from coterie.patterns.plans import MANY, check_plan, plan_of
from coterie.patterns.workers import Workers, assign, workers_of
from coterie.team import Team
from coterie.teamfile.survey import PROMPT, bound, spend
from coterie.words.message import Message
from coterie.words.plan import Plan, Step
from coterie.words.task import Task

__all__ = ["Bounds", "bounds", "drawn", "mermaid", "plan_from", "plan_of", "planning", "text_of"]


class Bounds(Struct, frozen=True, kw_only=True):
    """What a plan can take at most. `unknown` says that a worker's play does not say how often it calls a model.

    `path` are the steps that have to come one after the other and have most model calls together, and
    `path_calls` how many those are: with enough hands it takes no longer than that. `usd` counts models with a
    known price; `unpriced` are the others.
    """

    steps: int
    calls: float
    unknown: bool
    path: tuple[str, ...]
    path_calls: float
    output_tokens: float
    usd: float
    unpriced: tuple[str, ...] = ()

    def __str__(self) -> str:
        calls = "any number of" if self.calls == math.inf else f"at most {self.calls:,.0f}"
        more = " or more, as a play does not say" if self.unknown else ""
        cost = f", {self.usd:,.4f} USD" if not self.unpriced else ""
        way = f"{' -> '.join(self.path)} ({self.path_calls:,.0f} calls)"
        return f"{self.steps} steps, {calls} model calls{more}{cost}; longest way: {way}"


def bounds(
    plan: Plan,
    workers: Workers,
    *,
    synthesizer: Actor | None = None,
    verify: Actor | None = None,
    prices: Mapping[str, tuple[float, float]] | None = None,
    prompt: int = PROMPT,
) -> Bounds:
    """What `plan` can take at most, if no prompt has more than `prompt` tokens.

    `prices` are US dollars for a million tokens in and out, by model name.

    Raises:
        BadInput: without workers, or if two have one name.
        BadPlan: if the plan cannot be run by them; the message names every fault and its path.
    """
    crew = workers_of(workers, "a plan")
    plan, _ = assign(plan, crew)
    check_plan(plan, crew)
    team = orchestrator(plan, workers, synthesizer, verify=verify)
    calls, unknown = bound(team)
    most = {name: bound(worker.actor)[0] for name, worker in crew.items()}
    path = _longest(plan, most)
    spent = spend(team, prices, prompt)
    return Bounds(
        steps=len(plan.steps),
        calls=calls,
        unknown=unknown,
        path=tuple(step.id for step in path),
        path_calls=sum(most[step.worker] for step in path),
        output_tokens=spent.output_tokens,
        usd=spent.usd,
        unpriced=spent.unpriced,
    )


def in_order(plan: Plan) -> Iterator[Step]:
    """The steps, each after those that it depends on, as early as the plan has it."""
    left, done = list(plan.steps), set[str]()
    known = {step.id for step in left}
    while left:
        free = next((one for one in left if not (set(one.depends_on) & known) - done), left[0])
        left.remove(free)
        done.add(free.id)
        yield free


def _longest(plan: Plan, most: Mapping[str, float]) -> tuple[Step, ...]:
    """The chain of steps with most model calls together (the critical path, Kelley and Walker 1959)."""
    ways: dict[str, tuple[float, tuple[Step, ...]]] = {}
    for step in in_order(plan):
        before = [ways[id] for id in step.depends_on if id in ways]
        calls, way = max(before, key=lambda one: one[0], default=(0.0, ()))
        ways[step.id] = (calls + most[step.worker], (*way, step))
    return max(ways.values(), key=lambda one: (one[0], len(one[1])))[1]


def drawn(plan: Plan) -> str:
    """A plan as a tree of text: each step below the last one that it depends on, the others named beside it."""
    order = {step.id: n for n, step in enumerate(in_order(plan))}
    below: dict[str, list[Step]] = {"": []}
    for step in in_order(plan):
        known = [id for id in step.depends_on if id in order]
        parent = max(known, key=order.__getitem__, default="")
        below.setdefault(parent, []).append(step)
    return "\n".join(_lines(below, "", ""))


def _lines(below: Mapping[str, list[Step]], parent: str, lead: str) -> Iterator[str]:
    steps = below.get(parent, [])
    for step in steps:
        last = step is steps[-1]
        branch = ("└─ " if last else "├─ ") if parent else ""
        yield f"{lead}{branch}{_line(step)}"
        yield from _lines(below, step.id, lead + (("   " if last else "│  ") if parent else ""))


def _line(step: Step) -> str:
    who = step.worker or f"whoever can {step.can}"
    after = f"  (after {', '.join(step.depends_on)})" if len(step.depends_on) > 1 else ""
    done = f"  [done when: {step.done_when}]" if step.done_when else ""
    return f"{step.id}  {who}: {step.task}{after}{done}"


def mermaid(plan: Plan) -> str:
    """A plan as a Mermaid flowchart."""
    names = {step.id: f"n{n}" for n, step in enumerate(plan.steps)}
    rows = [
        f'    {names[step.id]}["{_quoted(f"{step.id} {step.worker or step.can}: {step.task}")}"]'
        for step in plan.steps
    ]
    rows += [
        f"    {names[id]} --> {names[step.id]}"
        for step in plan.steps
        for id in step.depends_on
        if id in names
    ]
    return "\n".join(["flowchart LR", *rows])


def _quoted(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace("\n", " ")


def text_of(plan: Plan) -> str:
    """A plan as JSON, a line a field, to be read and edited by people."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2).decode() + "\n"


def plan_from(text: str | bytes, name: str = "the plan") -> Plan:
    """The plan in a text of JSON; `name` says in errors where it is from.

    Raises:
        BadPlan: if it is no plan; the message says where in it.
    """
    try:
        msgspec.json.decode(text, type=_written())
        return msgspec.json.decode(text, type=Plan)
    except msgspec.DecodeError as error:
        raise BadPlan(f"{name} is no plan: {error}") from error


@cache
def _written() -> type[Struct]:
    """A plan as people write it: a field that there is not is a mistake, and not left out."""
    rows: list[Any] = [
        (one.name, one.type) if one.required else (one.name, one.type, one.default) for one in fields(Step)
    ]
    many: Any = tuple
    step = msgspec.defstruct("Step", rows, kw_only=True, forbid_unknown_fields=True)
    return msgspec.defstruct("Plan", [("steps", many[step, ...])], forbid_unknown_fields=True)


def planning(planner: Actor, workers: Workers, *, max_steps: int = MANY, name: str = "planning") -> Team:
    """A team whose answer is a plan for `workers`: its output is the `Plan`, its text the plan drawn."""
    crew = [worker.actor for worker in workers_of(workers, f"{name!r}").values()]

    async def play(task: Task) -> Message:
        plan = await plan_of(task, planner, workers, max_steps=max_steps)
        return Message(sender=name, text=drawn(plan), output=plan)

    return Team(name, [planner, *crew], play, settings={"max_steps": max_steps})
