"""Planners: agents that split a task into steps for given workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from coterie.actor import Actor
from coterie.agent import Agent


FEW = 6
"""Steps that a planner may make unless it says otherwise."""


def planner(
    name: str,
    workers: Sequence[Actor],
    *,
    model: str | Callable[..., Any] | None = None,
    instructions: str = "",
    most: int = FEW,
    **options: Any,
) -> Agent:
    """An agent that splits a task into at most `most` steps for `workers`; takes the options of `Agent`.

    In its answer workers and steps (`s1`, `s2` ...) are enumerations, so a model that is held to
    a schema cannot name another, and the prompt is short enough for a small one.
    """
    crew = "\n".join(f"- {worker.name}{_does(worker)}" for worker in workers)
    told = [instructions, f"Split the task into a few steps. Each goes to one worker:\n{crew}", RULES]
    text = "\n\n".join(filter(None, told))
    output = _plan_for([worker.name for worker in workers], most)
    return Agent(name, text, model=model, output=output, **options)


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


def _plan_for(names: Sequence[str], most: int) -> type[msgspec.Struct]:
    """The type of a plan of at most `most` steps that go to `names` and nobody else.

    Everything that can be chosen is an enumeration, and everything that can be long is bounded:
    a model of half a billion parameters lists dependencies without end otherwise.
    """
    ids = _one_of([f"s{n}" for n in range(1, most + 1)])
    step = msgspec.defstruct(
        "Step",
        [
            ("id", ids),
            ("worker", _one_of(names)),
            ("task", Annotated[str, Meta(max_length=300)]),
            ("depends_on", Annotated[_several(ids), Meta(max_length=4)], ()),
            ("complexity", _one_of(["low", "medium", "high"]), "medium"),
            ("done_when", Annotated[str, Meta(max_length=200)], ""),
        ],
    )
    return msgspec.defstruct(
        "Plan", [("steps", Annotated[_several(step), Meta(min_length=1, max_length=most)])]
    )


def _one_of(choices: Sequence[str]) -> Any:
    literal: Any = Literal
    return literal[tuple(choices)]


def _several(kind: Any) -> Any:
    many: Any = tuple
    return many[kind, ...]
