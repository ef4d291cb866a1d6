"""Claimed: an actor says what it is about to read or write before it acts; conflicts are settled as declared."""

from __future__ import annotations

from coterie.actor import Actor
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput
from coterie.patterns.contest import TRIES, Check, Strategy, Work
from coterie.team import Team
from coterie.words.effect import Here
from coterie.words.intent import Intent
from coterie.words.message import Message
from coterie.words.task import Task


def claimed(
    actor: Actor,
    resource: str,
    *,
    strategy: Strategy,
    write: bool = True,
    priority: int = 1,
    conflicts: Check | None = None,
) -> Team:
    """`actor`, under its own name, as one who works on what others may be working on, too.

    It is shown what `resource` says, and with `write` its answer (output, or else text) is what it says then.
    Where that conflicts with others, `strategy` settles it: `by_priority`, `merging(...)`, `escalating(...)` or
    `in_order(...)`. A resource says nothing until somebody writes it; any play may `Put` the first entry.

    Raises:
        BadInput: without a resource.
        Conflict: when played, if the work met with others too often.
    """
    if not resource:
        raise BadInput(f"what does {actor.name!r} claim? Name the resource")

    async def play(task: Task) -> Message:
        intent = Intent(actor=actor.name, resource=resource, what=task.text, write=write, path=await Here())
        work = Work(actor, task, intent, conflicts)
        if strategy.first:
            await work.wait(priority)
        await work.act()
        return await work.finished(strategy)

    settings = {
        "resource": [resource, write, priority],
        "strategy": strategy.describe(),
        "conflicts": conflicts and label(conflicts),
    }
    asked = (*strategy.actors, *([conflicts] if isinstance(conflicts, Actor) else []))
    calls = [each(TRIES + 1, actor), each(TRIES, *asked)]
    return Team(actor.name, [actor, *asked], play, settings=settings, calls=calls)
