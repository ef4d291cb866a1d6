"""What the kernel costs: a machine moved by hand, with no loop and no store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.figures import Figure, cost
from bench.limits import driven
from bench.race import Effort, plainly, race
from coterie.actor import Actor, gather
from coterie.kernel.machine import Machine
from coterie.team import Team
from coterie.words.effect import Draw
from coterie.words.event import Settled
from coterie.words.task import Task

EFFECTS, STRANDS = 50_000, 1_000


async def draws(count: int) -> str:
    """Ask the world for `count` numbers, one after the other."""
    for _ in range(count):
        await Draw()
    return "done"


async def in_turn(task: Task) -> str:
    """All effects in one strand."""
    return await draws(task.data)


async def at_once(task: Task) -> str:
    """The same number of effects in many strands."""
    await gather(*(draws(task.data // STRANDS) for _ in range(STRANDS)))
    return "done"


async def nothing(_: Task) -> str:
    """A play that does nothing."""
    return "done"


NOBODY = Team("nobody", (), nothing)


async def calls(task: Task) -> str:
    """Call an actor that does nothing; each call is a frame."""
    for _ in range(task.data):
        await NOBODY(task.text)
    return "done"


def by_hand(actor: Actor, task: Task) -> Machine:
    """Move a machine to its end, doing what the runner does with it and nothing else."""
    machine = Machine(actor, task)
    while not machine.done:
        machine.notes()
        asked = machine.wants()
        machine.dropped()
        for ask in asked:
            machine.settle(Settled(ask.path, 0.5))
    return machine


def figures(effort: Effort) -> Iterator[Figure]:
    """What an effect and a call cost."""
    count = effort.of(EFFECTS)
    bare = plainly(partial(driven, draws, count))
    kinds = [
        ("an effect, one after the other", in_turn, 3),
        (f"an effect, {STRANDS:,} strands at once", at_once, None),
        ("a call of an actor that does nothing", calls, None),
    ]
    for what, play, target in kinds:
        work = partial(by_hand, Team("bench", (), play), Task("go", data=count))
        ours, limit = race(effort.laps, plainly(work), bare)
        yield cost(what, count, ours, limit, "a coroutine driven by hand", target=target)
