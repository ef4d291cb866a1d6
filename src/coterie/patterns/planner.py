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
    full: bool = False,
    **options: Any,
) -> Agent:
    """An agent that splits a task into at most `most` steps for `workers`; takes the options of `Agent`.

    In its answer workers and steps (`s1`, `s2` ...) are enumerations, so a model that is held to
    a schema cannot name another, and the prompt is short enough for a small one. With `full`, steps
    have a complexity and a done-when, too.
    """
    crew = "\n".join(f"- {worker.name}{_does(worker)}" for worker in workers)
    told = [instructions, f"Split the task into a few steps, each for one worker:\n{crew}", RULES]
    text = "\n\n".join([*filter(None, told), _example(workers)])
    output = _plan_for([worker.name for worker in workers], most, full)
    return Agent(name, text, model=model, output=output, **options)


RULES = "Number the steps in order. In depends_on, list the earlier steps whose results the step needs."


def _example(workers: Sequence[Actor]) -> str:
    """A small plan; small models follow one better than rules."""
    first, last = workers[0].name, workers[-1].name
    steps: list[dict[str, Any]] = [
        {"id": "s1", "worker": first, "task": "Find what is needed", "depends_on": []},
        {"id": "s2", "worker": last, "task": "Answer from that", "depends_on": ["s1"]},
    ]
    return f"For example: {msgspec.json.encode({'steps': steps}).decode()}"


def fitted(agent: Agent, workers: Sequence[Actor], *, full: bool) -> Agent:
    """`agent` as a planner for `workers`."""
    return planner(
        agent.name,
        workers,
        model=agent.model or agent.model_name,
        instructions=agent.instructions,
        full=full,
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


def _plan_for(names: Sequence[str], most: int, full: bool) -> type[msgspec.Struct]:
    """The type of a plan of at most `most` steps that go to `names` and nobody else.

    Everything that can be chosen is an enumeration, and everything that can be long is bounded:
    a model of half a billion parameters lists dependencies without end otherwise.
    """
    ids = _one_of([f"s{n}" for n in range(1, most + 1)])
    fields: list[Any] = [
        ("id", ids),
        ("worker", _one_of(names)),
        ("task", Annotated[str, Meta(max_length=300)]),
        ("depends_on", Annotated[_several(ids), Meta(max_length=4)], ()),
    ]
    if full:
        fields.append(("complexity", _one_of(["low", "medium", "high"]), "medium"))
        fields.append(("done_when", Annotated[str, Meta(max_length=200)], ""))
    step = msgspec.defstruct("Step", fields)
    return msgspec.defstruct(
        "Plan", [("steps", Annotated[_several(step), Meta(min_length=1, max_length=most)])]
    )


def _one_of(choices: Sequence[str]) -> Any:
    literal: Any = Literal
    return literal[tuple(choices)]


def _several(kind: Any) -> Any:
    many: Any = tuple
    return many[kind, ...]
