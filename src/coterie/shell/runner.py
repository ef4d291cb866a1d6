"""The runner: performs what a machine wants until it is done.

Theory of operation
===================

1. One turn of the runner is a *burst*: settle everything that has arrived, write all that came
   of it (what settled, what the kernel noted, what is asked now) as one append, then perform.
   Nothing is performed before what led to it is in the store.
2. A run with one thing to do does it itself; tasks are made only where there are several.
3. What arrives from outside (answers, messages, a cancel) arrives in the same inbox as what the
   world answers, and is in the journal before it has any effect.
4. A cancel is recorded first, then done: strands are closed in order, jobs are told to stop.
5. When only people or outside messages can move the run, it waits; one that nobody attends to
   is parked: its lease is given back and nothing of it stays in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import repeat
from typing import Any

from coterie.errors import failure_of
from coterie.kernel.machine import Machine
from coterie.kernel.replay import Resumed, signal
from coterie.kernel.story import result_of
from coterie.ports import DROPPED, Lease, Store
from coterie.shell.answering import Answering
from coterie.shell.ending import ended
from coterie.shell.gate import Gate, Verdict, judged
from coterie.shell.questions import doubtful, dubious, leave, petition
from coterie.shell.reuse import Memo
from coterie.shell.world import World
from coterie.words.effect import Ask
from coterie.words.event import Asked, Closed, Event, Record, Settled, Signalled
from coterie.words.result import Result, Status

GRACE = 5.0
"""Seconds that a run waits at its end for what it has told to stop."""
BREATH = 64
"""Bursts after which a run lets the others on its loop have a turn, however busy it is."""


class Runner(Answering):
    """One run being performed."""

    def __init__(
        self,
        machine: Machine,
        world: World,
        store: Store | None,
        lease: Lease,
        seq: int,
        *,
        opened: float | None = None,
        attended: bool = False,
        memo: Memo | None = None,
        answers: Mapping[str, Any] | None = None,
        gate: Gate | None = None,
    ) -> None:
        super().__init__(machine, world, gate, answers)
        self.watch: Callable[[list[Record]], None] | None = None
        self.begun: Callable[[], object] = bool
        """Called when what led here is in the store."""
        self._store = store
        self._lease = lease
        self._seq = seq
        self._opened = opened
        self._alarm: asyncio.TimerHandle | None = None
        self._attended = attended
        self._memo = memo
        self._stopped: list[asyncio.Task[None]] = []
        self._denied: dict[str, Verdict] = {}
        self._closed: Closed | None = None

    async def finish(self, events: list[Event], standing: Resumed | None = None) -> Result:
        """Perform the run to its end, or until it has to be parked.

        `events` is what has happened already and is not written yet; `standing` is where a replay
        of the journal left the machine.
        """
        machine, store, lease, bursts = self.machine, self._store, self._lease, 0
        self._task = asyncio.current_task()
        self._watch_the_clock()
        asked = machine.wants() if standing is None else standing.asked
        self._doubts = {} if standing is None else dict(standing.since)
        if self._gate is not None:
            self._gate.tick(self.arrive)
            asked = await self._gated([], asked)
        self._screen(asked)
        try:
            if store is not None:
                await self._write(store, events, asked)
                self.begun()
            while not machine.done:
                self._stop(machine.dropped())
                if len(asked) == 1 and self._is_alone(asked[0]):
                    events = await self._by_itself(asked[0])
                elif not (events := await self._perform(asked)):
                    return await self._park()
                for event in events:
                    self._settle(event)
                asked = [] if self._pause.asked else machine.wants()
                if self._gate is not None:
                    asked = await self._gated(events, asked)
                self._screen(asked)
                if store is not None and (records := self._burst(events, asked)):
                    await store.append(lease, records, self._told())
                    if self.watch is not None:
                        self.watch(records)
                if given := self.world.given:
                    await given.journaled(events)
                bursts += 1
                if bursts % BREATH == 0:
                    await asyncio.sleep(0)
            self._attending = False
            return result_of(self._lease.run, self._closing())
        finally:
            await self._leave(store, lease)

    async def _leave(self, store: Store | None, lease: Lease) -> None:
        """Stop what is under way, and give back what was taken for the run."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._pause.stop()
        if self._jobs or self._stopped:
            await self._stop_all()
        if given := self.world.given:
            await given.leave()
        if self._gate is not None:
            await self._gate.close()
        if store is not None:
            await store.release(lease, self._pause.wake)

    async def _write(self, store: Store, events: list[Event], asked: list[Asked]) -> None:
        """Append one burst."""
        if records := self._burst(events, asked):
            await store.append(self._lease, records, self._told())
            if self.watch is not None:  # who sees what is in the journal now
                self.watch(records)

    def _burst(self, events: list[Event], asked: list[Asked]) -> list[Record]:
        """What is to be written now; asks of an earlier runner are in the journal already."""
        if known := self._doubts:
            asked = [ask for ask in asked if ask.path not in known]
        machine, now, seq = self.machine, self.world.clock(), self._seq
        batch: list[Event] = [*events, *machine.notes(), *asked]
        if machine.done:
            batch.append(self._closing())
        self._seq = seq + len(batch)
        return list(map(Record, range(seq, self._seq), repeat(now), batch))

    def _settle(self, event: Event) -> None:
        if type(event) is Settled:
            if self._jobs:
                self._jobs.pop(event.path, None)
            if (given := self.world.given) and event.path not in self.machine.parked:
                given.unheard(event.path)
            self.machine.settle(event)
        elif type(event) is Signalled:
            signal(self.machine, event)
            if event.kind == "raised":
                self._go_on()
            elif event.kind == "pause":
                self._pause.asked = True
                self._pause.start(event.value, self._break_off)

    async def _gated(self, settled: list[Event], asked: list[Asked]) -> list[Asked]:
        """What is asked now, and what is tried again; the gate has looked what the tenant's day allows of it."""
        asked, self._anew = [*asked, *self._anew], []
        assert self._gate is not None  # whoever has none pays nothing for this
        await self._gate.prepare(settled, asked, self.machine)
        return asked

    def _screen(self, asked: list[Asked]) -> None:
        """Have what is asked pass the gate; what it denies or leaves to a person is noted, and not begun."""
        suspects = self.machine.suspects
        if self._gate is None and not suspects:
            return
        for ask in asked:
            if ask.path in self._doubts:  # it was begun before a crash
                continue
            account = self.machine.budget.account(self.machine.parked.get(ask.path))
            verdict = judged(self._gate, ask, account, suspects.get(ask.path, ()))
            if verdict.decision == "deny":
                self._denied[ask.path] = verdict
                self.machine.note(ask.path, "refused", verdict.why)
            elif verdict.decision == "ask":
                self._held[ask.path] = ask
                self._question(ask.path, leave(verdict.why))

    def _watch_the_clock(self) -> None:
        """Have the run told when the seconds are over that it is limited to."""
        seconds = self.machine.budget.root.limits.seconds
        if seconds is None:
            return
        left = seconds if self._opened is None else seconds - (self.world.clock() - self._opened)
        over = Signalled("limit", f"seconds of {self.machine.root.path!r}: {seconds:g} are over")
        self._alarm = asyncio.get_running_loop().call_later(max(0.0, left), self.arrive, over)

    async def _perform(self, asked: list[Asked]) -> list[Event]:
        """Do what is asked now; what has happened since, or nothing if the run has to be parked."""
        if self._pause.asked:
            return await self._drain()
        for ask in asked:
            self._take_on(ask)
        for path in [path for path in self._answers if path in self.waiting]:
            answer, number = self._answers.pop(path)
            if number is None:
                self.answer(path, answer.value, answer.by)
            else:
                self._hear_answer(path, answer, number)
        while not self._arrived:
            if not self._attended and (not self._jobs or self._pause.long(self._jobs)):
                return self._unasked()
            await self._wake()
        return self._taken()

    def _unasked(self) -> list[Event]:
        """What is left to say before the run is parked: that answers which came for it answer nothing."""
        for path, (answer, number) in list(self._answers.items()):
            if number is not None:
                del self._answers[path]
                self._hear_answer(path, answer, number)
        return self._taken()

    def _is_alone(self, ask: Asked) -> bool:
        """Whether `ask` is all there is to do, and can be done at once."""
        busy = (
            self._jobs
            or self._arrived
            or self.waiting
            or self._memo
            or self._doubts
            or self._gate
            or self.machine.suspects
            or self.machine.budget.refused
        )
        idle = (type(ask.effect) is Ask and self.world.ask is None) or self._pause.may_park(ask)
        return not (busy or self.machine.listening or idle)

    async def _by_itself(self, ask: Asked) -> list[Event]:
        """Do the one thing there is to do here, without a task of its own."""
        self._alone = ask
        try:
            events: list[Event] = [await self.world.perform(ask, self._lease.run)]
        except asyncio.CancelledError:
            if not self._interrupted or self._task is None:
                raise
            self._task.uncancel()  # it was our own cancel: it is in the inbox, to be recorded first
            events = []
        finally:
            self._alone = None
        if self._arrived:
            events += self._taken()
        return events

    async def _drain(self) -> list[Event]:
        """What settles of what is under way while nothing is begun; nothing, once the run is still."""
        self._stop([*self._pause.idle(self._jobs), *(self._jobs.keys() & self.waiting.keys())])
        while self._jobs and not self._arrived:
            await (self._stop_all() if self._pause.over else self._wake())
        return self._taken()

    def _take_on(self, ask: Asked) -> None:
        """Begin one of several things: from memory, by a person, or as a job."""
        effect, path = ask.effect, ask.path
        refused = self.machine.budget.refused
        if (
            not (refused or self._gate or self._held or self._memo or self._doubts)
            and type(effect) is not Ask
        ):
            self._begin(ask)  # nearly always
        elif path in self._held:
            self._put(path)
        elif (denied := self._denied.pop(path, None)) is not None:
            failure = failure_of(denied.error(denied.why), path)
            self._arrived.append(Settled(path, failure=failure))
        elif path in refused:
            if why := self.machine.budget.petition(path):
                self._over[path] = ask
                self._question(path, petition(why))
            else:
                self._refuse(path)
        elif self._memo is not None and (known := self._memo.recall(ask)) is not None:
            self._arrived.append(known)
        elif type(effect) is Ask and self.world.ask is None:
            self.waiting[path] = effect
        elif path in self._doubts and dubious(effect, self.world.doubts):
            self._in_doubt[path] = ask
            self._question(path, doubtful(effect))
        else:
            self._begin(ask)

    def _begin(self, ask: Asked) -> None:
        since = self._doubts.pop(ask.path, None) if self._doubts else None
        job = self._do(ask, since)
        self._pause.begun(ask, since)
        self._jobs[ask.path] = asyncio.get_running_loop().create_task(job)

    async def _do(self, ask: Asked, doubt: float | None) -> None:
        self.arrive(await self.world.perform(ask, self._lease.run, doubt))

    def _stop(self, paths: list[str]) -> None:
        """Tell the jobs that nobody waits for any more to stop."""
        for path in paths:
            self.waiting.pop(path, None)
            self._over.pop(path, None)
            self._held.pop(path, None)
            job = self._jobs.pop(path, None)
            if job is not None:
                job.cancel(DROPPED)
                self._stopped.append(job)

    async def _stop_all(self) -> None:
        jobs = list(self._jobs.values())
        self._jobs.clear()
        for job in jobs:
            job.cancel(DROPPED if self.machine.done else None)
        if jobs:
            await asyncio.wait(jobs)
        if self._stopped:
            await asyncio.wait(self._stopped, timeout=GRACE)

    def _closing(self) -> Closed:
        if self._closed is None:
            self._closed = ended(self.machine)
        return self._closed

    async def _park(self) -> Result:
        """Leave the run to whoever answers its questions, or resumes it; from here on nobody is heard."""
        self._attending = False
        status: Status = "paused" if self._pause.asked else "waiting"
        if (due := self._pause.news()) is not None:
            self.machine.note(self.machine.root.path, "sleeps", value=due)
        if self.machine.listening and status == "waiting":
            self.machine.note(self.machine.root.path, "listens")
        if self._store is not None:
            await self._write(self._store, [], [])
        waiting, root = dict(self.waiting), self.machine.root
        parts = tuple(root.finished)
        return Result(id=self._lease.run, status=status, waiting=waiting, parts=parts, usage=root.usage)
