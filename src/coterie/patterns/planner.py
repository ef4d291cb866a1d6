"""Planners: agents that split a task into steps for given workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from coterie.actor import Actor
from coterie.agent import Agent


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
