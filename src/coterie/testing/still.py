"""A still world: performs effects at once, without a loop, a clock or a socket.

What a model says, what a tool gives and what a person answers come from the test; the time
stands still unless the test moves it, and dice are drawn from a seed. Failures and usage are
what the real world would have made of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from coterie.errors import CoterieError, failure_of
from coterie.kernel.machine import Machine
from coterie.kernel.story import result_of
from coterie.kernel.values import storable
from coterie.models.scripted import Script, Scripted
from coterie.ports import Memory
from coterie.shell.ending import ended as ended_as
from coterie.shell.world import World, outcome
from coterie.tool import Tool
from coterie.words.effect import Ask, Sleep, Think, Use
from coterie.words.event import Asked, Settled
from coterie.words.start import Begin, Renew, Start, Tell
from coterie.words.usage import ONE_TOOL_CALL

EPOCH = 1_000_000_000.0
"""What `Now` says when a still world begins, in seconds since 1970."""


SILENT: Any = object()
"""The answer of a person who does not answer."""


class NotStill(AssertionError):
    """Something that has to end at once waits for the real world."""


class StillWorld:
    """Performs effects synchronously.

    `tools` stand in for functions by name; `answers` for people by path, who may be `SILENT`.
    """

    def __init__(
        self,
        script: Script,
        *,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        answers: Mapping[str, Any] | Callable[[str, Ask], Any] | None = None,
        seed: int = 0,
        memory: Memory | None = None,
    ) -> None:
        self.now = EPOCH
        self.asked: list[Think] = []
        self._tools = tools or {}
        self._answers = answers or {}
        self._world = World(Scripted(script), clock=lambda: self.now, seed=seed, memory=memory)

    def perform(self, asked: Asked) -> Settled | None:
        """How one effect ends; None if it never does."""
        effect, path = asked.effect, asked.path
        if isinstance(effect, Think):
            self.asked.append(effect)
            if not isinstance(effect.by, Scripted):  # a scripted model is still already
                effect = Think(effect.actor, "default", effect.brief, effect.thread)
        elif isinstance(effect, Sleep):
            return Settled(path)
        elif isinstance(effect, Ask):
            answer = self._answered(path, effect)
            return None if answer is SILENT else Settled(path, storable(answer, path))
        elif isinstance(effect, Use):
            return self._used(path, effect)
        elif isinstance(effect, Start):
            return self._started(path, effect)
        elif isinstance(effect, (Begin, Renew, Tell)):
            return Settled(path, f"run-{path}")
        settled: Settled = at_once(self._world.perform(Asked(path, effect), "still"), path)
        return settled

    def _started(self, path: str, start: Start) -> Settled | None:
        """How a child ends, played at once; its people and sleeps are those of this world."""
        if isinstance(start.actor, str):
            raise NotStill(f"nobody here finds the team {start.actor!r}: start an actor itself")
        machine = Machine(start.actor, start.task, noting=False, limits=start.most)
        while not machine.done:
            machine.dropped()
            wanted = machine.wants()
            for asked in wanted:
                ended = machine.budget.refusal(asked.path) or self.perform(asked)
                if ended is not None:
                    machine.settle(ended)
            if not wanted:
                return None  # it waits for somebody who does not answer
        return outcome(path, start, result_of(path, ended_as(machine)))

    def _used(self, path: str, use: Use) -> Settled:
        try:
            return Settled(path, storable(self._called(use), path), None, ONE_TOOL_CALL)
        except NotStill:
            raise
        except CoterieError as error:
            return Settled(path, failure=failure_of(error, path))
        except Exception as error:  # a tool may raise anything, as in the real world
            return Settled(path, failure=failure_of(error, path), usage=ONE_TOOL_CALL)

    def _called(self, use: Use) -> Any:
        tool, arguments = use.by, use.arguments
        function: Any = self._tools.get(use.tool) or tool.function
        if isinstance(tool, Tool) and "args" not in arguments:
            value = function(**tool.checked(arguments))
        else:
            value = function(*arguments["args"], **arguments.get("kwargs", {}))
        return at_once(value, use.tool) if inspect.iscoroutine(value) else value

    def _answered(self, path: str, ask: Ask) -> Any:
        if callable(self._answers):
            return self._answers(path, ask)
        if path not in self._answers:
            raise AssertionError(f"nobody answers {path!r}: {ask.question!r}; give answers={{{path!r}: ...}}")
        return self._answers[path]


def at_once(work: Coroutine[Any, Any, Any], what: str) -> Any:
    """The value of a coroutine that never really waits.

    Raises:
        NotStill: if it does wait; the message says what to write instead.
    """
    why = f"{what!r} waits for something real: give a plain function in tools={{...}}"
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value
    except RuntimeError as error:
        if "no running event loop" in str(error):
            raise NotStill(why) from error
        raise
    work.close()
    raise NotStill(why)
