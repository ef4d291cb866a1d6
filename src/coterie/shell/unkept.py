"""Runs that keep no journal: nobody could read it, so nothing is written and nothing is noted.

Nobody outside knows of such a run, so nothing can arrive from there. While it waits for one thing
at a time, whoever awaits the run performs that thing, one after the other; a runner takes over
where several are under way.
"""

from __future__ import annotations

import asyncio
from functools import partial

from coterie.actor import Actor
from coterie.kernel.machine import Machine
from coterie.kernel.story import result_of
from coterie.ports import Lease
from coterie.shell.children import Nested
from coterie.shell.ending import ended
from coterie.shell.job import Job, plain
from coterie.shell.runner import BREATH, Runner
from coterie.shell.world import World
from coterie.stores.memory import MemoryStore
from coterie.words.limits import Limits
from coterie.words.result import Result
from coterie.words.task import Task


async def unkept(actor: Actor, task: Task, world: World, id: str, limits: Limits) -> Result:
    """Perform `actor` on `task` to its end, or until only people can move it."""
    nested = world.starter = Nested(partial(_job, actor, task, world, id, limits))
    machine = Machine(actor, plain(task, actor.name), noting=False, limits=limits)
    try:
        if limits.seconds is None:
            await _one_by_one(machine, world, id)
        if machine.done:
            result = result_of(id, ended(machine))
        else:
            result = await Runner(machine, world, None, Lease(id, 0), 0).finish([])
    finally:
        world.starter = None  # it knows the world: no circle is left for the garbage collector
    if result.status == "renewed" and nested.next is not None:
        return await nested.next.perform()
    return result


def _job(actor: Actor, task: Task, world: World, id: str, limits: Limits) -> Job:
    """The job of the run, for its children: they have journals, for they are runs of their own."""
    job = Job(actor, task, world, MemoryStore(), id)
    job.limits = limits
    return job


async def _one_by_one(machine: Machine, world: World, run: str) -> None:
    """Perform what a machine wants for as long as that is one thing at a time."""
    bursts, people = 0, world.ask is not None
    while (ask := machine.alone(people=people)) is not None:
        machine.settle(settled := await world.perform(ask, run))
        if given := world.given:
            await given.journaled([settled])
        bursts += 1
        if bursts == BREATH:
            bursts = 0
            await asyncio.sleep(0)
