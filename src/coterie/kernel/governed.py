"""The machine of a governed run: what the kernel settles itself is asked for first.

1. A call, or a use of the board, awaits a `Permit`, which the world settles as any other effect. So what a
   policy said is in the journal, and a replay asks no policy.
2. What is denied fails where it was asked, as `Denied`; a caller sees the failure of whom it called.
3. Runs that nobody governs are performed by `Machine`, and pay nothing for this.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, ClassVar

import msgspec

from coterie.kernel.frames import Call, Playable, Strand, play_of
from coterie.kernel.machine import Machine
from coterie.kernel.shared import PARKED, SETTLES, Shared
from coterie.words.effect import Get, Put, Watch
from coterie.words.event import Settled
from coterie.words.grant import GRANTED, Grant
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import Message
from coterie.words.permit import GOVERNED, Permit
from coterie.words.task import Task

BOARD: dict[type, str] = {Put: "write", Get: "read", Watch: "read"}
"""What is done to the board, as an action."""


def _asked_first(machine: Machine, strand: Strand, wait: Any) -> Any:
    return machine.ask_first(strand, wait) if isinstance(machine, Governed) else PARKED


class Governed(Machine):
    """One run that asks before it calls an actor, or reads or writes the board."""

    def __init__(
        self, actor: Playable, task: Task, *, limits: Limits = DEFAULT, grant: Grant | None = None
    ) -> None:
        self._asking: dict[str, Put | Get | Watch] = {}
        super().__init__(actor, task, limits=limits, grant=grant)

    def begin(self, actor: Playable, task: Task) -> Coroutine[Any, Any, Message]:
        return _permitted(Permit("run", actor.name), partial(actor.play, task))

    @staticmethod
    def played(call: Call) -> Coroutine[Any, Any, Message]:
        return _permitted(Permit("call", call.actor.name), partial(play_of, call))

    def settle(self, settled: Settled) -> None:
        wait = self._asking.pop(settled.path, None)
        strand = self.parked.get(settled.path)
        if wait is None or strand is None or settled.failure is not None:
            super().settle(settled)
            return
        del self.parked[settled.path]
        strand.wait = None
        try:
            value = SETTLES[type(wait)](self.shared, strand, wait)
        except Exception as error:  # thrown into the strand that asked
            self._ready.append((strand, None, error))
        else:
            if value is not PARKED:
                self._ready.append((strand, value, None))
        self._spin()

    def ask_first(self, strand: Strand, wait: Put | Get | Watch) -> Any:
        """Have a use of the board wait until it is permitted."""
        self.ask(strand, Permit(BOARD[type(wait)], wait.key))
        self._asking[strand.wait] = wait
        return PARKED

    settles: ClassVar[dict[type, Callable[[Shared, Strand, Any], Any]]] = {
        kind: settle for kind, settle in SETTLES.items() if kind not in BOARD
    }
    handlers: ClassVar[dict[type, Callable[[Machine, Strand, Any], Any]]] = {
        **Machine.handlers,
        **dict.fromkeys(BOARD, _asked_first),
    }


async def _permitted(permit: Permit, play: Callable[[], Coroutine[Any, Any, Message]]) -> Message:
    await permit
    return await play()


def machine_of(
    actor: Playable, task: Task, origin: Mapping[str, Any], *, limits: Limits = DEFAULT
) -> Machine:
    """The machine of a run of that origin: one that asks, if the run is governed, and allows what its beginner may."""
    grant = msgspec.convert(origin[GRANTED], Grant) if GRANTED in origin else None
    return (Governed if GOVERNED in origin else Machine)(actor, task, limits=limits, grant=grant)
