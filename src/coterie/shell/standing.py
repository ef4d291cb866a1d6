"""Standing agents at work: each takes the messages of its mailbox one at a time, every turn a run of its session.

Theory of operation
===================

1. A mailbox is a ledger: what was said, and which message was taken when. Everything else is a fold of it, or of the
   journals of the runs.
2. A message is taken by an entry at the end of the mailbox, as the mailbox was seen: of several processes, one. The
   run of a turn has the number of the turn in its id, so whoever finds a turn without a run begins that very run.
3. The next message is taken when the run of the last has ended, however it ended. What was said, was taken, or was
   under way at a crash is found by a sweep at the start, and gone on with.
4. A message whose turn cannot begin is refused, with the reason; the next one has its turn.
5. What is published on a topic is looked for from the number that the mailbox says was heard last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import msgspec

from coterie.actor import Actor
from coterie.context import Whole
from coterie.errors import Busy, Changed, CoterieError, Overloaded, StoreError, UnknownRun
from coterie.kernel.mailbox import Mailbox
from coterie.kernel.story import closed, result, state
from coterie.kernel.values import to_plain
from coterie.memory.conversation import Session
from coterie.ports import Entry, Ledgers
from coterie.shell.host import Host
from coterie.words.event import Record
from coterie.words.principal import Principal
from coterie.words.standing import OVER, Doing, Follows, Letter, Lost, Mail, Said, Standing, Took
from coterie.words.task import Task

LATER = 0.5
"""Seconds between two looks at what cannot move now."""

Spawn = Callable[[Coroutine[Any, Any, None]], Any]
Made = Callable[[Standing], Awaitable[tuple[Actor, Mapping[str, Any]]]]
"""The actor of a standing agent as it is written now, and what its runs remember of where it came from."""


class Keeper:
    """Has the standing agents of one host work; `load` finds one by name, and `spawn` performs work beside."""

    def __init__(
        self,
        host: Host,
        ledgers: Ledgers,
        load: Callable[[str], Awaitable[Standing | None]],
        made: Made,
        spawn: Spawn,
    ) -> None:
        self._host = host
        self._ledgers = ledgers
        self._load = load
        self._made = made
        self._spawn = spawn
        self._boxes: dict[str, Mailbox] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._saying: dict[str, asyncio.Lock] = {}
        self._at_work: set[str] = set()
        self._woken: set[str] = set()
        self._moved: dict[str, asyncio.Event] = {}

    async def say(self, one: Standing, said: Said, *, always: bool = False) -> int:
        """Put a message into the mailbox of an agent; its number, once it is durable.

        What is said `always` waits where another message would be refused.

        Raises:
            Busy: if the agent is at work, and refuses messages then.
        """
        async with self._saying.setdefault(one.mail, asyncio.Lock()):  # or they would look again and again
            while True:
                box = await self._box(one)
                known = box.known(said.key)
                if known is not None:
                    return known
                run = await self._under_way(one, box)
                if one.busy == "reject" and not always and (run or box.waiting):
                    raise Busy(f"agent {one.name!r} is at work, and takes no other message until it is done")
                with contextlib.suppress(Changed):
                    entry = await self._ledgers.append(one.mail, to_plain(said), at=box.length)
                    break
        if one.busy == "interrupt" and run:
            with contextlib.suppress(UnknownRun):
                await self._host.cancel(run, "the next message came")
        self.wake(one)
        return entry.seq

    async def letter(self, one: Standing, number: int, wait: float = 0.0) -> Letter | None:
        """A message with what has become of it, at the latest `wait` seconds from now; None if there is none."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            moved = self._event(one)
            found = await self.letters(one, number + 1, 1)
            if not found or found[0].number != number:
                return None
            left = until - loop.time()
            if found[0].state in OVER or left <= 0:
                return found[0]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, LATER)):
                    await moved.wait()

    async def letters(self, one: Standing, before: int | None = None, limit: int = 50) -> list[Letter]:
        """The messages to an agent numbered below `before`, the newest first."""
        box = await self._box(one)
        numbers = [number for number in box.numbers if before is None or number < before][-limit:]
        if not numbers:
            return []
        entries = await self._ledgers.read(one.mail, numbers[0] - 1, numbers[-1] - numbers[0] + 1)
        wanted = {entry.seq: entry for entry in entries}
        return [await self._letter(one, box, wanted[number]) for number in reversed(numbers)]

    async def doing(self, one: Standing) -> Doing:
        """What an agent does now."""
        box = await self._box(one)
        run = await self._under_way(one, box)
        records = await self._journal(run) if run else []
        waits = bool(records) and state(records) in ("waiting", "paused")
        now: Any = "waiting" if waits else "working" if run or box.waiting else "idle"
        return Doing(state=now, run=run, queued=box.waiting, turns=len(box.turns))

    async def follow(self, one: Standing, heads: Mapping[str, int]) -> None:
        """Have an agent hear what is published after these numbers, by topic, and none of what came before."""
        if heads:
            await self._ledgers.append(one.mail, to_plain(Follows(dict(heads))))

    async def heard(self, one: Standing, topic: str) -> int:
        """The number of the last message of a topic that reached an agent; -1 for none."""
        return (await self._box(one)).heads.get(topic, -1)

    async def dismiss(self, one: Standing) -> None:
        """Stop what an agent does, and delete its mailbox; its runs stay."""
        run = await self._under_way(one, await self._box(one))
        await self._ledgers.drop(one.mail)
        self._boxes.pop(one.mail, None)
        if run and await self._journal(run):
            await self._host.cancel(run, f"agent {one.name!r} was deleted")

    def wake(self, one: Standing) -> None:
        """Have an agent look at its mailbox soon."""
        self._pulse(one)
        self._woken.add(one.mail)
        if one.mail not in self._at_work:
            self._at_work.add(one.mail)
            self._spawn(self._work(one.name, one.mail))

    # At work

    async def _work(self, name: str, mail: str) -> None:
        """Take message after message, until there is none."""
        try:
            while mail in self._woken:  # it may be woken while it looks for the last time
                self._woken.discard(mail)
                while await self._took(name, mail):
                    pass
        finally:
            self._at_work.discard(mail)

    async def _took(self, name: str, mail: str) -> bool:
        """Whether there was something to do for an agent, and it is done."""
        try:
            one = await self._load(name)
            if one is None or one.mail != mail:
                return False
            box = await self._box(one)
            if not await self._ended(one, box):
                return True
            self._pulse(one)
            number = box.next
            if number is None:
                return False
            with contextlib.suppress(Changed):
                await self._ledgers.append(one.mail, to_plain(Took(number)), at=box.length)
        except (StoreError, Overloaded):
            await asyncio.sleep(LATER)
        return True

    async def _ended(self, one: Standing, box: Mailbox) -> bool:
        """Whether the last turn is over. If it is not, it is one step nearer to that when this returns."""
        if not box.turns:
            return True
        run = f"{one.session}.{len(box.turns)}"
        records = await self._journal(run)
        if records and closed(records) is not None:
            return True
        if not records:
            await self._begin(one, box)
        else:
            self._pulse(one)
            await self._host.wait(run)
            if closed(await self._host.journal(run)) is None:  # only a person can move it
                await asyncio.sleep(LATER)
        return False

    async def _begin(self, one: Standing, box: Mailbox) -> None:
        """Begin the run of the last turn that was taken."""
        turn, number = len(box.turns), box.turns[-1]
        [entry] = await self._ledgers.read(one.mail, number - 1, 1)
        said = _said(entry)
        try:
            actor, origin = await self._made(one)
            await self._host.take_turn(
                Session(id=one.session, context=Whole(budget=one.budget)),
                turn,
                actor,
                Task(said.text, None, said.data, (f"topic {said.topic}",) if said.topic else ()),
                origin={**origin, "by": said.by, "message": number},
                by=_principal(said, self._host.tenant),
            )
        except (StoreError, Overloaded) as error:
            if not isinstance(error, Busy):
                raise
        except Exception as error:  # what somebody wrote meets the shell here; the next message has its turn
            why = error.message if isinstance(error, CoterieError) else f"{type(error).__name__}: {error}"
            with contextlib.suppress(Changed):
                await self._ledgers.append(one.mail, to_plain(Lost(number, why)), at=box.length)

    # What is known

    async def _box(self, one: Standing) -> Mailbox:
        """The mailbox of an agent as it is now."""
        async with self._turns.setdefault(one.mail, asyncio.Lock()):
            box = self._boxes.setdefault(one.mail, Mailbox())
            for entry in await self._ledgers.read(one.mail, box.length - 1):
                box.add(entry.body)
            return box

    async def _under_way(self, one: Standing, box: Mailbox) -> str:
        """The run of the turn that has not ended; empty if there is none."""
        if not box.turns:
            return ""
        run = f"{one.session}.{len(box.turns)}"
        records = await self._journal(run)
        return "" if records and closed(records) is not None else run

    async def _journal(self, run: str) -> list[Record]:
        try:
            return await self._host.journal(run)
        except UnknownRun:
            return []

    async def _letter(self, one: Standing, box: Mailbox, entry: Entry) -> Letter:
        said, turn = _said(entry), box.turn(entry.seq)
        run = f"{one.session}.{turn}" if turn else ""
        records = await self._journal(run) if run else []
        end = result(run, records) if records else None
        now: Any = state(records) if records else "refused" if entry.seq in box.lost else "queued"
        return Letter(
            number=entry.seq,
            text=said.text,
            data=said.data,
            priority=said.priority,
            by=said.by,
            topic=said.topic,
            time=entry.time,
            state=now,
            run=run if records else "",
            reply=end.text if end is not None else box.lost.get(entry.seq, ""),
            output=to_plain(end.message.output) if end is not None and end.message is not None else None,
            failure=end.failure if end is not None else None,
        )

    def _event(self, one: Standing) -> asyncio.Event:
        return self._moved.setdefault(one.mail, asyncio.Event())

    def _pulse(self, one: Standing) -> None:
        """Tell whoever waits for an agent that something has moved."""
        moved = self._moved.pop(one.mail, None)
        if moved is not None:
            moved.set()


def _said(entry: Entry) -> Said:
    said: Mail = msgspec.convert(entry.body, Mail, strict=False)
    assert isinstance(said, Said)  # its number is one of a message
    return said


def _principal(said: Said, tenant: str) -> Principal | None:
    role: Any = said.role
    return Principal(said.by, tenant, role=role) if said.by else None
