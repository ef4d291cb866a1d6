"""Simulation: a run in virtual time, on a schedule drawn from a seed.

Every effect is given a duration and ends when the virtual clock gets there, so what would take
minutes takes a millisecond, and the same seed gives the same run.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from coterie.actor import Actor, Given, Play
from coterie.errors import ModelFailed, OverLimit, TimedOut, ToolFailed, failure_of
from coterie.kernel.machine import Machine
from coterie.models.scripted import Script
from coterie.ports import Memory
from coterie.shell.questions import petition
from coterie.team import actor_of
from coterie.testing.still import EPOCH, StillWorld
from coterie.words.effect import Ask, Draw, Effect, Now, Sleep, Think, Use
from coterie.words.event import Asked, Event, Settled, Signalled
from coterie.words.limits import DEFAULT, Limits, parsed
from coterie.words.message import Message
from coterie.words.task import task_of
from coterie.words.usage import Usage

Latency: TypeAlias = "float | tuple[float, float] | Callable[[Effect[Any], random.Random], float]"
"""Seconds that a model or a tool takes: fixed, drawn evenly between two, or a function of the effect."""

GONE = 3_600.0
"""Seconds after which something of which nothing is heard has failed."""


class Simulated(Struct, frozen=True, kw_only=True):
    """What a simulated run came to: a message or an error, and what it took."""

    message: Message | None
    error: Exception | None
    elapsed: float
    """Virtual seconds from beginning to end."""
    usage: Usage
    asked: tuple[Think, ...]
    schedule: tuple[str, ...]
    """The paths of the effects in the order in which they ended."""
    journal: tuple[Event, ...] = ()
    """What was asked, settled and noted, in the order of a journal; empty unless it was asked for."""


def simulate(
    actor: Actor | Play,
    task: Given = "",
    *,
    script: Script = "",
    seed: int = 0,
    latency: Latency = (0.1, 1.0),
    failures: float = 0.0,
    drops: float = 0.0,
    tools: Mapping[str, Callable[..., Any]] | None = None,
    answers: Mapping[str, Any] | Callable[[str, Ask], Any] | None = None,
    limits: Limits = DEFAULT,
    memory: Memory | None = None,
    cancel_at: float | None = None,
    journal: bool = False,
) -> Simulated:
    """Perform `actor` on `task` in virtual time.

    Models and tools take `latency` seconds; with the probability `failures` they fail instead of
    answering, and with the probability `drops` nothing is heard of them for an hour (`GONE`), after
    which they fail. What ends at the same moment ends in an order drawn from `seed`. `limits` are
    the run's; where they ask at a cap, `answers` say `stop`, or what is raised, by the path of the step that is
    refused. The run is cancelled after `cancel_at` seconds. `script`, `tools` and `answers` are as for
    `rehearse`. With `journal`, what a journal would hold of it is kept.
    """
    world = StillWorld(script, tools=tools, answers=answers, seed=seed, memory=memory)
    machine = Machine(actor_of(actor), task_of(task), noting=journal, limits=limits)
    stage = _Stage(world, machine, seed, latency, failures, drops)
    alarms = [(limits.seconds, lambda: machine.stop(OverLimit("seconds"))), (cancel_at, machine.cancel)]
    for after, ring in alarms:
        if after is not None:
            stage.alarm(after, ring)
    schedule, events = list[str](), list[Event]()
    while not machine.done:
        wanted = machine.wants()
        events += [*machine.notes(), *wanted]
        stage.begin(wanted)
        stage.drop(machine.dropped())
        ended = stage.next()
        if ended is None:
            machine.cancel("waits for a message from outside")
        elif isinstance(ended, Settled):
            schedule.append(ended.path)
            events.append(ended)
            machine.settle(ended)
        elif isinstance(ended, Signalled):
            events.append(ended)
            machine.budget.allow(ended.value, ended.about)
            stage.go_on()
        else:
            ended()
    return Simulated(
        message=machine.value,
        error=machine.error,
        elapsed=stage.world.now - EPOCH,
        usage=machine.root.usage,
        asked=tuple(stage.world.asked),
        schedule=tuple(schedule),
        journal=(*events, *machine.notes()) if journal else (),
    )


class _Stage:
    """What is under way in virtual time."""

    def __init__(
        self,
        world: StillWorld,
        machine: Machine,
        seed: int,
        latency: Latency,
        failures: float,
        drops: float,
    ) -> None:
        self.world = world
        self._machine = machine
        self._random = random.Random(seed)  # noqa: S311 - schedules are no secret
        self._latency = latency
        self._failures = failures
        self._drops = drops
        self._gone: set[str] = set()
        self._due: list[tuple[float, float, str, Asked | Callable[[], None]]] = []
        self._dropped: set[str] = set()
        self._refused: dict[str, Asked] = {}

    def begin(self, asked: list[Asked]) -> None:
        """Let effects begin now."""
        for ask in asked:
            refused = ask.path in self._machine.budget.refused
            if refused and self._machine.budget.petition(ask.path):
                self._refused[ask.path] = ask
            end = self.world.now + (0 if refused else self._duration(ask))
            heapq.heappush(self._due, (end, self._random.random(), ask.path, ask))

    def go_on(self) -> None:
        """Let begin what a raised limit allows now; about the rest a person is asked as well."""
        waiting, self._refused = self._refused, {}
        self._due = [one for one in self._due if one[2] not in waiting]
        heapq.heapify(self._due)
        self.begin(list(waiting.values()))

    def alarm(self, after: float, ring: Callable[[], None]) -> None:
        """Let something happen after some seconds."""
        heapq.heappush(self._due, (self.world.now + after, 2.0, "", ring))

    def drop(self, paths: list[str]) -> None:
        """Forget effects that nobody waits for."""
        self._dropped.update(paths)

    def next(self) -> Settled | Signalled | Callable[[], None] | None:
        """What ends or rings next, with the clock moved there; None if nothing is under way."""
        while self._due:
            end, _, path, ask = heapq.heappop(self._due)
            if path not in self._dropped:
                self.world.now = end
                ended = self._ended(ask) if isinstance(ask, Asked) else ask
                if ended is not None:
                    return ended
        return None

    def _ended(self, ask: Asked) -> Settled | Signalled | None:
        effect = ask.effect
        if self._refused.pop(ask.path, None) is not None and (why := self._machine.budget.petition(ask.path)):
            return self._petitioned(ask, why)
        if (refusal := self._machine.budget.refusal(ask.path)) is not None:
            return refusal
        if ask.path in self._gone:
            return Settled(ask.path, failure=failure_of(TimedOut("nothing was heard of it"), ask.path))
        if isinstance(effect, (Think, Use)) and self._random.random() < self._failures:
            kind = ModelFailed if isinstance(effect, Think) else ToolFailed
            return Settled(ask.path, failure=failure_of(kind("injected by the simulation"), ask.path))
        return self.world.perform(ask)

    def _petitioned(self, ask: Asked, why: str) -> Settled | Signalled | None:
        """How a step goes on that a limit refuses, when a person was asked about it."""
        budget = self._machine.budget
        said = self.world.perform(Asked(ask.path, petition(why)))
        if said is None or said.value == "stop":
            return budget.refusal(ask.path)
        self._refused[ask.path] = ask
        return Signalled("raised", budget.owner(ask.path), parsed(said.value))

    def _duration(self, ask: Asked) -> float:
        effect = ask.effect
        if isinstance(effect, Sleep):
            return max(0.0, effect.seconds)
        if isinstance(effect, (Now, Draw)):
            return 0.0
        if self._drops and self._random.random() < self._drops:
            self._gone.add(ask.path)
            return GONE
        if callable(self._latency):
            return self._latency(effect, self._random)
        if isinstance(self._latency, tuple):
            return self._random.uniform(*self._latency)
        return self._latency
