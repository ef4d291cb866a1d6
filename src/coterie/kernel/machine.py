"""The machine: turns awaits into effects, and outcomes into progress.

Theory of operation
===================

1. The machine performs nothing. It takes `settle(event)` and gives `wants()`, `dropped()`,
   `notes()` and `done`. The order of settles is its only input: the same settles give the same
   machine. That is the whole of replay, and of simulation.
2. A strand moves by `send` until it awaits. A call opens a frame, a join opens strands, talk
   and the board are settled here and now, any other effect parks the strand and is wanted of
   the world. Anything else is thrown back as `ForeignAwait`.
3. Strands that can move do so in the order in which they became able to.
4. A failed effect is data until here; here it becomes an exception in the strand that asked.
5. Closing is in order, the deepest first; what a closed strand had asked for is `dropped()`.
6. If nothing is under way in the world, nothing can move and the run is not done, it never
   will be: the run ends with `Deadlock`. Talk that goes round without ever asking anything of
   the world ends with `NoProgress`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from coterie.errors import Cancelled, CoterieError, NoProgress, NotGranted, OverLimit, error_of
from coterie.kernel.branches import branch
from coterie.kernel.budget import Budget
from coterie.kernel.children import CHILDREN
from coterie.kernel.conclude import conclusion, keep
from coterie.kernel.frames import Call, Frame, Playable, Strand, narrow, open_frame, play_of
from coterie.kernel.grants import check, granted
from coterie.kernel.joins import Join
from coterie.kernel.shared import PARKED, SETTLES, Shared
from coterie.kernel.stuck import deadlock, effect_of, not_a_message
from coterie.kernel.taint import MEMORIES, Sources, read, tainted, using
from coterie.words.effect import Ask, Draw, Effect, Granted, Now, Sleep, Think, Use
from coterie.words.event import Asked, Noted, Settled
from coterie.words.grant import Grant
from coterie.words.limits import DEFAULT, Limits
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.usage import NOTHING as FREE

SPIN = 5_000_000
"""Turns without asking anything of the world before a run counts as going round in circles."""
TURNS = range(1000)
"""Turns of one strand before the others have theirs."""


class Machine:
    """One run, moved by what happened. With `noting` off, talk and frames leave no facts behind."""

    value: Message | None = None
    error: Exception | None = None
    done = False
    played = staticmethod(play_of)
    """The work of a call."""
    _last: Think | None = None
    concluding = False
    _shared: Shared | None = None

    def __init__(
        self,
        actor: Playable,
        task: Task,
        *,
        noting: bool = True,
        limits: Limits = DEFAULT,
        grant: Grant | None = None,
    ) -> None:
        self.parked: dict[str, Strand] = {}
        self._asked, self._dropped = list[Asked](), list[str]()
        self.suspects: dict[str, Sources] = {}  # steps that a person has to allow
        self._notes: list[Noted] | None = [] if noting else None
        self._ready: deque[tuple[Strand, Any, Exception | None]] = deque()
        name = actor.name
        self.budget = Budget(limits, name)
        self.root = Frame(name, None, Call(actor, task, grant), self.budget.root)
        if (taint := tainted(task)) is not task.taint:
            self.root.read(taint)
        if noting:
            self.note(name, "entered", task.text[:80])
        self._top = Strand(self.begin(actor, task), self.root)
        self._move(self._top, None, None)
        if self._ready or not self.parked:
            self._spin()

    def begin(self, actor: Playable, task: Task) -> Coroutine[Any, Any, Message]:
        """The work of the run."""
        return actor.play(task)

    def wants(self) -> list[Asked]:
        """Effects asked for since the last call, oldest first, that somebody still waits for."""
        asked, self._asked = self._asked, []
        return [ask for ask in asked if ask.path in self.parked] if self._dropped else asked

    def alone(self, *, people: bool = True) -> Asked | None:
        """The effect that the run waits for, if it is the only one and nothing else could move it; now it is begun.
        Without `people` a question is nothing that could be begun. None leaves everything as it is.
        """
        asked = self._asked
        if len(asked) != 1 or len(self.parked) != 1 or self._dropped or self.suspects or self.budget.refused:
            return None
        if self._shared is not None and self._shared.listening:
            return None
        return asked.pop() if people or asked[0].effect.__class__ is not Ask else None

    @property
    def shared(self) -> Shared:
        """The topics, the board and the claims of the run; made when they are first used."""
        if self._shared is None:
            self._shared = Shared(self._ready, self._notes)
        return self._shared

    def dropped(self) -> list[str]:
        """Paths of effects that nobody waits for any more."""
        paths, self._dropped = self._dropped, []
        return paths

    def notes(self) -> list[Noted]:
        """What the kernel settled itself since the last call, oldest first."""
        if not self._notes:
            return []
        notes = self._notes.copy()
        self._notes.clear()
        return notes

    def settle(self, settled: Settled) -> None:
        """Take how an effect ended. One that nobody waits for any more changes nothing."""
        path, usage = settled.path, settled.usage
        strand = self.parked.pop(path, None)
        if strand is None:
            return
        if usage is not FREE:
            strand.frame.spend(usage)
        if strand.held or usage is not FREE or self.budget.refused:
            self.budget.settle(strand, path, usage)
        failure, value = settled.failure, settled.value
        if strand.brings or strand.frame.taint:
            value = read(strand, settled, self.suspects)
        self._move(strand, value, None if failure is None else error_of(failure))
        if self._ready or not self.parked:
            self._spin()

    def tell(self, topic: str, message: Any, priority: int = 1) -> None:
        """Take a message from outside."""
        self.shared.tell(topic, message, priority)
        self._spin()

    @property
    def listening(self) -> bool:
        """Whether a message from outside could move the run."""
        return self._shared is not None and self._shared.listening

    def cancel(self, reason: str = "cancelled") -> None:
        """Close every strand; the run is done."""
        if not self.done:
            self._end(Cancelled(reason, path=self.root.path))

    def stop(self, error: CoterieError) -> None:
        """End the run because of what no effect counts against, such as time."""
        if not self.done:
            self._end(error)
            self._spin()

    def _concludes(self, error: Exception) -> bool:
        """Whether a run that a limit ends gets a last answer; it is asked for now."""
        wanted = isinstance(error, OverLimit) and self.budget.root.limits.at_cap == "finalize"
        if not wanted or self.concluding or self._last is None:
            return False
        self.concluding = True
        keep(self.root, error)
        self.budget.root.open_up()
        self._top = Strand(conclusion(self.root, self._last, str(error)), self.root)
        self._ready.append((self._top, None, None))
        return True

    def note(self, path: str, fact: str, about: str = "", value: Any = None) -> None:
        """Remember that the kernel settled something."""
        if self._notes is not None:
            self._notes.append(Noted(path, fact, about, value))

    def _spin(self) -> None:
        ready, turns = self._ready, 0
        while ready:
            turns += self._move(*ready.popleft())
            if turns > SPIN:
                self._end(NoProgress(f"{turns:,} moves without asking anything of the world"))
        if not self.done and not self.parked and not self.listening:
            self._end(deadlock(self._top))

    def _move(self, strand: Strand, value: Any, error: Exception | None) -> int:
        """Move one strand until it parks or ends, or the others should have a turn; the turns it took."""
        handlers, settles = self.handlers, self.settles
        for turn in TURNS:
            if strand.closed:
                return turn
            strand.wait = None
            try:
                wait: Any = strand.coro.send(value) if error is None else strand.coro.throw(error)
            except StopIteration as stop:
                value, error = self._leave(strand, stop.value)
            except Exception as failure:  # a play may raise anything
                value, error = self._fail(strand, failure)
            else:
                error = None
                try:
                    settle = settles.get(wait.__class__)
                    value = (
                        handlers.get(wait.__class__, Machine._unknown)(self, strand, wait)
                        if settle is None
                        else settle(self._shared or self.shared, strand, wait)
                    )
                except Exception as refusal:  # thrown into the strand that asked
                    value, error = None, refusal
            if value is PARKED:
                return turn + 1
        self._ready.append((strand, value, error))
        return len(TURNS)

    def _leave(self, strand: Strand, value: Any) -> tuple[Any, Exception | None]:
        """A play returned: its message goes to the caller, or decides a join, or ends the run."""
        frame = strand.frame
        if self._shared is not None:
            self._shared.leave(frame)
        if frame.actor is not None:
            if not isinstance(value, (str, Message)):
                return self._fail(strand, not_a_message(frame, value))
            value = frame.said(value)
            if self._notes is not None:
                self._notes.append(Noted(frame.path, "left"))
        frame.left()
        if strand.stack:
            strand.pop()
            if strand.frame.parent is None:
                strand.frame.finished.append(value)
            return value, None
        self._finish(strand, value)
        return PARKED, None

    def _finish(self, strand: Strand, value: Any) -> None:
        strand.closed = True
        join = strand.owner
        if join is None:
            self.value, self.done = value, True
        elif strand.slot < 0:
            self._decide(join)  # the timer of a join
        elif join.succeed(strand.slot, value):
            self._decide(join)

    def _fail(self, strand: Strand, error: Exception) -> tuple[Any, Exception | None]:
        """A play raised: the error goes to the caller, or decides a join, or ends the run."""
        frame = strand.frame
        if isinstance(error, CoterieError) and not error.path:
            error.path = frame.path
        if self._shared is not None:
            self._shared.leave(frame)
        if frame.actor is not None:
            self.note(frame.path, "failed", str(error)[:200])
        frame.left()
        if strand.stack:
            strand.pop()
            return None, error
        strand.closed = True
        join = strand.owner
        if join is None:
            if not self._concludes(error):
                self.error, self.done = error, True
                keep(self.root, error)
        elif join.fail(strand.slot, error, frame.path):
            self._decide(join)
        return PARKED, None

    def _decide(self, join: Join) -> None:
        """A join is decided: close what is left of it and wake who waits for it."""
        waiter = join.waiter
        if waiter is None or waiter.join is not join:
            return
        self._close_join(waiter)
        try:
            self._ready.append((waiter, join.result(), None))
        except Exception as error:  # what the policy makes of failed branches
            self._ready.append((waiter, None, error))

    def _close_join(self, waiter: Strand) -> None:
        join, waiter.join = waiter.join, None
        if join is None:
            return
        if waiter.frame.parent is None:
            waiter.frame.finished += [value for value in join.outcomes if isinstance(value, Message)]
        for strand in join.strands:
            self._close(strand)
        join.strands = []  # each knows its join: no circle is left for the garbage collector

    def _close(self, strand: Strand) -> None:
        """Close a strand and everything below it; nobody waits for them now."""
        if strand.closed:
            return
        strand.closed = True
        self._close_join(strand)
        wait, strand.wait = strand.wait, None
        if type(wait) is str:
            del self.parked[wait]
            self.suspects.pop(wait, None)
            self._dropped.append(wait)
            self.note(wait, "dropped")
            self.budget.release(strand, wait)
        if self._shared is not None:
            self._shared.close(strand, wait)
        for error in strand.shut():
            self.note(strand.frame.path, "failed", f"while closing: {error}"[:200])

    def _end(self, error: Exception) -> None:
        """End the run now, with everything closed."""
        self._ready.clear()
        self._close(self._top)
        if not self._concludes(error):
            self.error, self.done = error, True

    # Handlers: each takes an awaited thing and gives its value at once, or PARKED.

    def _unknown(self, strand: Strand, thing: Any) -> Any:
        return self.ask(strand, effect_of(strand.frame, thing))

    def ask(self, strand: Strand, effect: Effect[Any], called: str = "") -> Any:
        """Have a strand wait for an effect of the world: a step called after its kind, or as is said here."""
        path = strand.wait = strand.frame.effect(called or effect.kind)
        self.parked[path] = strand
        self._asked.append(Asked(path, effect))
        return PARKED

    def _use(self, strand: Strand, use: Use) -> Any:
        if (grant := strand.frame.grant) is not None and (why := check(grant, use)):
            path = strand.frame.effect(use.tool)
            self.note(path, "refused", why)
            raise NotGranted(why, path=path)
        self._spend(strand, use, use.tool, not getattr(use.by, "idempotent", False))
        using(strand, use, self.suspects)
        return PARKED

    def _think(self, strand: Strand, think: Think) -> Any:
        if not (acts := think.acts):
            self._last = think
        return self._spend(strand, think, think.kind, acts)

    def _spend(self, strand: Strand, effect: Think | Use, called: str, acts: bool) -> Any:
        self.ask(strand, effect, called)
        if (refusal := self.budget.take(strand, strand.wait, effect)) is not None:
            self.note(strand.wait, "refused", refusal.why)
        elif acts and not strand.frame.acted:
            strand.frame.act()
        return PARKED

    def _enter(self, parent: Frame, call: Call) -> Frame:
        frame = open_frame(parent, call)
        if self._notes is not None:
            self.note(frame.path, "entered", call.task.text[:80])
            if call.grant is not None and call.grant.edge:
                self.note(frame.path, "granted", ", ".join(call.grant.edge))
        return frame

    def _call(self, strand: Strand, call: Call) -> Any:
        frame = self._enter(strand.frame, call)
        strand.push(self.played(call), frame)

    def _fork(self, strand: Strand, join: Join) -> Any:
        frame = strand.frame
        narrow(frame, len(join.parts))
        entered = [self._enter(frame, part) if type(part) is Call else frame for part in join.parts]
        strand.join = strand.wait = join
        join.waiter = strand
        join.strands = [
            Strand(self.played(part), entered[n], join, n)
            if type(part) is Call
            else branch(part, frame, join, n)
            for n, part in enumerate(join.parts)
        ]
        if join.seconds is not None:
            join.strands.append(branch(Sleep(join.seconds), frame, join, -1))
        if not join.parts:
            self._close_join(strand)
            return join.result()
        self._ready.extend([(branch, None, None) for branch in join.strands])
        return PARKED

    settles: ClassVar[dict[type, Callable[[Shared, Strand, Any], Any]]] = SETTLES
    handlers: ClassVar[dict[type, Callable[[Machine, Strand, Any], Any]]] = {
        Call: _call,
        Join: _fork,
        Think: _think,
        Use: _use,
        Granted: granted,
        **dict.fromkeys((Ask, Sleep, Now, Draw), ask),
        **MEMORIES,
        **CHILDREN,
    }
    """What is handled how; an effect of no known kind is asked of the world."""
