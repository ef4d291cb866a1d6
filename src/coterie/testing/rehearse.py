"""Rehearsals: a play from beginning to end without a loop, answered line by line."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any

from coterie.actor import Actor, Given, Play
from coterie.kernel.machine import Machine
from coterie.models.scripted import Script
from coterie.ports import Memory
from coterie.team import actor_of
from coterie.testing.still import StillWorld
from coterie.words.effect import Ask, Sleep, Think
from coterie.words.event import Asked, Settled
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import Message
from coterie.words.task import task_of


def rehearse(
    actor: Actor | Play,
    task: Given = "",
    line: Script = "",
    *,
    tools: Mapping[str, Callable[..., Any]] | None = None,
    answers: Mapping[str, Any] | Callable[[str, Ask], Any] | None = None,
    seed: int = 0,
    limits: Limits = DEFAULT,
    memory: Memory | None = None,
) -> tuple[Message, list[Think]]:
    """The outcome of `actor` on `task`, and everything its models were asked, in order.

    `line` is what models say, as for `scripted`: a function of the `Think`, a list of lines, or
    either per agent. Every effect ends at once, the oldest first, but for sleeping: that ends when
    nothing else is left to do, and only then does the time move. Tools are called; `tools` puts
    functions in their place by name. `answers` are people's, by path. Dice follow `seed`.
    `memory` is one in this process.

    Raises:
        Exception: whatever the run would have failed with.
    """
    world = StillWorld(line, tools=tools, answers=answers, seed=seed, memory=memory)
    machine = Machine(actor_of(actor), task_of(task), noting=False, limits=limits)
    alarms: list[tuple[float, int, str, Asked]] = []
    while not machine.done:
        wanted = machine.wants()
        for asked in wanted:
            if isinstance(asked.effect, Sleep):
                heapq.heappush(
                    alarms, (world.now + asked.effect.seconds, len(world.asked), asked.path, asked)
                )
            elif asked.path in machine.parked:
                _settle(machine, machine.budget.refusal(asked.path) or world.perform(asked))
        if not wanted:
            assert alarms, "the play waits for a message from outside: rehearse sends none"
            due, _, path, asked = heapq.heappop(alarms)
            if path in machine.parked:
                world.now = due
                _settle(machine, world.perform(asked))
    if machine.error is not None:
        raise machine.error
    assert machine.value is not None  # a machine that is done has either
    return machine.value, world.asked


def _settle(machine: Machine, settled: Settled | None) -> None:
    if settled is not None:
        machine.settle(settled)
