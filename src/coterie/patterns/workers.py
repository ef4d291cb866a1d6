"""Workers: who can do what, and who gets a step that says what has to be done and not by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.errors import BadInput, BadPlan
from coterie.patterns.crew import purpose
from coterie.patterns.routes import Route, overlap
from coterie.words.plan import Assigned, Plan, Step


class Worker(Struct, frozen=True):
    """Somebody who does steps: what it can do, in names, and what it is for (default: an agent's instructions)."""

    actor: Actor
    can: tuple[str, ...] = ()
    about: str = ""

    @property
    def name(self) -> str:
        """The actor's name."""
        return self.actor.name

    @property
    def purpose(self) -> str:
        """What it is for, on one line, with what it can do."""
        told = (self.about or purpose(self.actor)).strip().splitlines() or [""]
        return f"{told[0]} (can: {', '.join(self.can)})" if self.can else told[0]


Workers: TypeAlias = "Sequence[Actor | Worker]"


def workers_of(given: Workers, who: str) -> dict[str, Worker]:
    """Workers by name, in declared order; `who` says in errors whose they are.

    Raises:
        BadInput: without workers, or if two have one name.
    """
    listed = [one if isinstance(one, Worker) else Worker(one) for one in given]
    crew = {one.name: one for one in listed}
    if not crew or len(crew) != len(listed):
        raise BadInput(f"{who} needs workers, each with a name of its own")
    return crew


def assign(plan: Plan, crew: Mapping[str, Worker]) -> tuple[Plan, tuple[Assigned, ...]]:
    """`plan` with a worker for each step that names none, and why that one.

    Who declares just what the step says it needs comes first. Of several, and where nobody declares it, the one
    whose description has most words in common with the step gets it; of equals who has fewer steps, then the
    first declared.

    Raises:
        BadPlan: if nobody fits a step; the message says what there is.
    """
    load = dict.fromkeys(crew, 0)
    steps: list[Step] = []
    made: list[Assigned] = []
    for step in plan.steps:
        if not step.worker and step.can:
            found = _fit(step, crew, load)
            made.append(found)
            step = replace(step, worker=found.worker)  # noqa: PLW2901 - the same step, with a worker
        if step.worker in load:
            load[step.worker] += 1
        steps.append(step)
    return (Plan(tuple(steps)), tuple(made)) if made else (plan, ())


def _fit(step: Step, crew: Mapping[str, Worker], load: Mapping[str, int]) -> Assigned:
    wanted = step.can.strip().casefold()
    named = [one for one in crew.values() if wanted in (one.name.casefold(), *map(str.casefold, one.can))]
    able = named or [*crew.values()]
    routes = [Route(one.actor, one.purpose, keywords=one.can) for one in able]
    told = dict(zip(able, overlap(f"{step.can} {step.task}" if named else step.can, routes), strict=True))
    if not named and not any(told.values()):
        known = {one.name: list(one.can) or one.purpose for one in crew.values()}
        raise BadPlan(f"step {step.id!r} needs {step.can!r}, which no worker can; there are {known}")
    best = max(able, key=lambda one: (round(told[one], 6), -load[one.name]))
    others = ", ".join(f"{one.name} {told[one]:.2f}" for one in able if one is not best)
    how = f"declares it, {told[best]:.2f}" if named else f"fits best, {told[best]:.2f}"
    return Assigned(step.id, step.can, best.name, f"{how} (others: {others})" if others else how)
