"""Planners: agents that split a task into steps for given workers, in small questions.

1. The first question is for the steps, in order, and nothing else; they are numbered by position.
2. Who does a step is decided by the words that it has in common with what a worker is for, where one worker stands
   out; about the others the model is asked, and can name nobody else.
3. The last question is what each step needs: of the steps before it, and no others. It is made for the very steps
   that there are, so an answer that fits its schema is a plan that can be run.
4. A model that says more at once (workers, or a whole plan with ids and dependencies) is not asked for it again.
5. What cannot be read goes back once. Then a rule decides: the worker with most words in common, and each step needs
   the one before it, which is slower than it might be and never wrong. What no step needs, the last one does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import Agent, conversation
from coterie.calls import each
from coterie.errors import BadPlan
from coterie.patterns.choose import decision, eligible_name, fields_in, one_of
from coterie.patterns.crew import listing
from coterie.patterns.examples import COMMON, EXAMPLES, ORDERED
from coterie.patterns.plans import check_plan, plan_in
from coterie.patterns.routes import Route, overlap
from coterie.patterns.workers import Worker, Workers, assign, workers_of
from coterie.team import Team
from coterie.words.message import Message
from coterie.words.plan import Plan, Replan, Step
from coterie.words.task import Task
from coterie.words.thread import Thread

FEW = 6
"""Steps that a planner may make unless it says otherwise."""
MOST_NEEDED = 4
"""Steps that one step may need."""
SPLIT = "Split each task into the steps that it takes, in order. These do the steps:\n{crew}"
WHO = "Say who does each step:\n{crew}"
ORDER = "You say which steps of some work need the results of which earlier steps."
CLEAR = 1.5
"""How many times as many words, by weight, as the next one a worker has to share with a step to stand out."""


def planner(
    name: str,
    workers: Workers,
    *,
    model: str | Callable[..., Any] | None = None,
    instructions: str = "",
    most: int = FEW,
    full: bool = False,
    **options: Any,
) -> Actor:
    """An actor that splits a task into at most `most` steps for `workers`; takes the options of `Agent`.

    Its output is a `Plan` whose steps are called `s1`, `s2` ... in order. With `full`, steps have a complexity and
    a done-when, too.

    Raises:
        BadInput: without workers, or if two have one name.
        BadPlan: when played, if two answers in a row hold no steps for these workers.
    """
    crew = workers_of(workers, f"planner {name!r}")
    return _team(Agent(name, instructions, model=model, **options), crew, most, full=full)


def fitted(agent: Agent, workers: Workers, *, full: bool) -> Actor:
    """`agent` as a planner for `workers`."""
    return _team(agent, workers_of(workers, f"planner {agent.name!r}"), FEW, full=full)


def _team(agent: Agent, crew: Mapping[str, Worker], most: int, *, full: bool) -> Actor:
    about = listing({one: worker.purpose for one, worker in crew.items()})
    asks = _asking(agent, SPLIT.format(crew=about), _steps(most, full))

    async def play(task: Task) -> Message:
        done, number = _done(task)
        shows = _shown(agent.name, task)
        made = await decision(asks, shows, lambda said: _read(said, crew, number, done))
        if made.value is None:
            raise BadPlan(f"{agent.name!r} has made no plan: {made.why}", raw=made.said.text)
        plan, whole = made.value
        plan = await _staffed(agent, plan, crew, about)
        if not whole and len(plan.steps) + len(done) > 1:
            plan = await _ordered(agent, plan, done)
        return Message(sender=agent.name, text=msgspec.json.encode(plan).decode(), output=plan)

    settings = {"most": most, "full": full, "workers": {one: worker.purpose for one, worker in crew.items()}}
    return Team(agent.name, [agent], play, settings=settings, calls=[each(6, agent)])


def _asking(agent: Agent, text: str, kind: Any) -> Agent:
    """`agent` with a question of its own, to be answered with a `kind` at the first try."""
    told = "\n\n".join(filter(None, [agent.instructions, text]))
    return agent.like(instructions=told, output=kind, repairs=0, done_when=None)


def _shown(name: str, task: Task) -> Task:
    """The task after the examples, as if `name` had answered those."""
    rows = [
        Message(sender=who, text=text)
        for asked, steps in EXAMPLES.items()
        for who, text in (("user", asked), (name, _json({"steps": steps})))
    ]
    return Task("", Thread(rows).add(*conversation(task)), task.data)


def _done(task: Task) -> tuple[tuple[str, ...], int]:
    """What is done already, and the first number that no step has had."""
    if not isinstance(task.data, Replan):
        return (), 1
    had = [int(id[1:]) for id in task.data.planned if id[:1] == "s" and id[1:].isdecimal()]
    return task.data.done, max(had, default=0) + 1


async def _staffed(agent: Agent, plan: Plan, crew: Mapping[str, Worker], about: str) -> Plan:
    """`plan` with a worker for each step that has none."""
    found = {step.id: _standing_out(step, crew) for step in plan.steps if not step.worker and not step.can}
    doubt = [step for step in plan.steps if step.id in found and not found[step.id][0]]
    if doubt:
        kind = msgspec.defstruct("Workers", [(step.id, one_of(crew)) for step in doubt])
        asks = _asking(agent, WHO.format(crew=about), kind)
        names = [*crew][::-1]
        rows = [
            Message(
                sender="user", text="\n".join(f"w{n}: {crew[one].purpose}" for n, one in enumerate(names))
            ),
            Message(sender=agent.name, text=_json({f"w{n}": one for n, one in enumerate(names)})),
        ]
        asked = Task("\n".join(f"{step.id}: {step.task}" for step in doubt), Thread(rows))
        made = await decision(asks, asked, lambda said: _named(said, crew, doubt))
        found |= {id: (one, "") for id, one in (made.value or {}).items()}
    return Plan(
        tuple(replace(one, worker=_either(found[one.id])) if one.id in found else one for one in plan.steps)
    )


def _either(found: tuple[str, str]) -> str:
    return found[0] or found[1]


def _standing_out(step: Step, crew: Mapping[str, Worker]) -> tuple[str, str]:
    """The worker who shares clearly more words with a step than any other (or nobody), and who shares most."""
    routes = [
        Route(one.actor, _bare(one.purpose), (*one.can, one.name.removesuffix("er"))) for one in crew.values()
    ]
    shared = overlap(_bare(step.task), routes)
    scores = sorted(zip(shared, [-n for n in range(len(crew))], crew, strict=True), reverse=True)
    best, most = scores[0][2], scores[0][0]
    second = scores[1][0] if len(scores) > 1 else 0.0
    clear = len(scores) == 1 or (most > 0 and most >= CLEAR * second)
    return (best if clear else ""), best


def _bare(text: str) -> str:
    """A text without the words that every text has, and with the singular of `queries`."""
    words = (word for word in re.findall(r"[^\W_]+", text.casefold()) if word not in COMMON)
    return " ".join(re.sub(r"ies$", "y", word) for word in words)


def _named(said: Message, crew: Mapping[str, Worker], steps: Sequence[Step]) -> dict[str, str]:
    """Who does each of `steps`.

    Raises:
        ValueError: if the message does not say, or names somebody else.
    """
    given = fields_in(said) or {}
    return {step.id: eligible_name(str(given.get(step.id, "")), crew) for step in steps}


async def _ordered(agent: Agent, plan: Plan, done: Sequence[str]) -> Plan:
    """`plan` with what its agent says each step needs."""
    before = [*done, *(step.id for step in plan.steps)]
    earlier = {step.id: before[: before.index(step.id)] for step in plan.steps if step.id != before[0]}
    told = _needing_text([f"{step.id}: {step.task}" for step in plan.steps])
    rows = [
        Message(sender=who, text=text)
        for steps, needs in ORDERED
        for who, text in (("user", _needing_text(steps)), (agent.name, _json(needs)))
    ]
    asked = Task(told, Thread(rows))
    asks = agent.like(instructions=ORDER, output=_needing(earlier), repairs=0, done_when=None)
    made = await decision(asks, asked, lambda said: _dependencies(said, earlier))
    needs = made.value or {id: ids[-1:] for id, ids in earlier.items()}
    last = plan.steps[-1].id
    used = {one for needed in needs.values() for one in needed}
    loose = [step.id for step in plan.steps[:-1] if step.id not in used]
    if loose:  # the last step answers the task: what no other needs is for it
        needs = {**needs, last: [*dict.fromkeys([*needs.get(last, ()), *loose])]}
    return Plan(tuple(replace(step, depends_on=tuple(needs.get(step.id, ()))) for step in plan.steps))


def _json(value: Any) -> str:
    """JSON with spaces, as models write it themselves."""
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()


def _needing_text(steps: Sequence[str]) -> str:
    return "\n".join(["Which earlier steps does each step need the results of?", *steps])


def _steps(most: int, full: bool) -> type[msgspec.Struct]:
    """The type of at most `most` steps. What can be long is bounded: a small model goes on without end otherwise."""
    text: Any = Annotated[str, Meta(min_length=1, max_length=300)]
    many: Any = tuple
    kind = text
    if full:
        fields: list[Any] = [("task", text), ("complexity", one_of(["low", "medium", "high"]), "medium")]
        kind = msgspec.defstruct("Step", [*fields, ("done_when", Annotated[str, Meta(max_length=200)], "")])
    return msgspec.defstruct(
        "Steps", [("steps", Annotated[many[kind, ...], Meta(min_length=1, max_length=most)])]
    )


def _needing(earlier: Mapping[str, Sequence[str]]) -> type[msgspec.Struct]:
    """The type of what each step needs: of the steps before it, each at most once or so."""
    many: Any = tuple
    fields: list[Any] = [
        (id, Annotated[many[one_of(ids), ...], Meta(max_length=min(MOST_NEEDED, len(ids)))])
        for id, ids in earlier.items()
    ]
    return msgspec.defstruct("Needs", fields)


class _Said(msgspec.Struct):
    """What a model says in answer to the first question, whatever its steps are."""

    steps: list[Any] = []


def _read(said: Message, crew: Mapping[str, Worker], number: int, done: Sequence[str]) -> tuple[Plan, bool]:
    """The plan that a message holds, and whether it says what its steps need.

    Raises:
        ValueError: if it holds none for this crew.
    """
    if fields_in(bare := replace(said, output=None)) is not None:
        said = bare  # the type of the answer knows nothing of ids and needs
    given = fields_in(said)
    listed = msgspec.convert(given, _Said).steps if given is not None else []
    rows = [cast("dict[str, Any]", row) if isinstance(row, dict) else {"task": row} for row in listed]
    if not rows or any("id" in row for row in rows):
        return _sound(_whole(said), crew, done), True
    rows = [{**row, "id": f"s{number + n}"} for n, row in enumerate(rows)]
    plan = msgspec.convert({"steps": rows}, Plan)
    staffed = [
        step if step.worker or step.can else replace(step, worker=next(iter(crew))) for step in plan.steps
    ]
    _sound(Plan(tuple(staffed)), crew, done)
    return plan, any("depends_on" in row for row in rows)


def _sound(plan: Plan, crew: Mapping[str, Worker], done: Sequence[str]) -> Plan:
    """`plan`, if `crew` can run it.

    Raises:
        ValueError: if not; the message names every fault.
    """
    try:
        check_plan(assign(plan, crew)[0], crew, done=done)
    except BadPlan as error:
        raise ValueError(error.message) from error
    return plan


def _whole(said: Message) -> Plan:
    try:
        return plan_in(said)
    except BadPlan as error:
        raise ValueError(error.message) from error


def _dependencies(said: Message, earlier: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """What each step needs, by its id.

    Raises:
        ValueError: if the message does not say, or names what does not come before.
    """
    given = fields_in(said)
    if given is None:
        raise ValueError("this is no JSON object of steps")
    found = msgspec.convert(given, dict[str, list[str]])
    for id, needed in found.items():
        wrong = [one for one in needed if one not in earlier.get(id, ())]
        if wrong:
            raise ValueError(f"step {id!r} cannot need {wrong[0]!r}; earlier are {list(earlier.get(id, ()))}")
    return {id: list(dict.fromkeys(needed)) for id, needed in found.items()}
