"""Blackboard: members add to a shared board whenever what they need is there.

After Erman, Hayes-Roth, Lesser and Reddy, "The Hearsay-II Speech-Understanding System" (1980).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor, gather, race
from coterie.agent import conversation
from coterie.calls import each
from coterie.check import label
from coterie.errors import BadInput, OverLimit, RunError, Stuck, failure_of
from coterie.patterns.answers import missing_of
from coterie.team import Team
from coterie.words.effect import Entry, Get, Hear, Here, Put, Send
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.task import Task

Done: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Says whether the board holds what is wanted."""
TIMES = 8
"""How often a member may work, unless its board says otherwise."""


class Source(Struct, frozen=True):
    """A member, the entries that it needs, and the entry that it adds (default: one of its own name)."""

    actor: Actor
    needs: tuple[str, ...] = ("task",)
    adds: str = ""

    @property
    def entry(self) -> str:
        """The entry that it adds."""
        return self.adds or self.actor.name


def blackboard(
    *members: Actor | Source, done: Done | None = None, times: int = TIMES, name: str = "blackboard"
) -> Team:
    """A team whose members add entries to a board, each whenever its needs are met and its entry is stale.

    The board begins with `task`. An entry is stale if it is missing, or made from older versions of what
    it needs; a member works at most `times` times, all who can at once. It is told the task and shown the
    entries that it needs, which are also its data. Writing is compare-and-set, so where two add one
    entry, the one that is later reads again first and no update is lost. It ends when `done` holds of the
    entries, or, without `done`, when nobody can add anything. `output` is the entries; the text is the
    entry that was added last. `parts` is what was added, in that order; `missing` is who failed.

    Raises:
        BadInput: without members, or with times below 1.
        Stuck: when played, if nobody can add anything and `done` does not hold, or a member has never
            worked; the message names who waits for what.
    """
    sources = [one if isinstance(one, Source) else Source(one) for one in members]
    if not sources or times < 1:
        raise BadInput(f"blackboard {name!r} needs members, and times of 1 or more")

    async def play(task: Task) -> Message:
        board = Work(await Here(), sources, task, times)
        await Put(board.key("task"), task.text if task.data is None else task.data)
        await race(board.lead(done), gather(*(board.serve(at) for at in range(len(sources)))))
        entries = await board.entries()
        if problem := board.problem(entries, done):
            error = Stuck(f"blackboard {name!r}: {problem}")
            error.finished = tuple(board.said)
            raise error
        text = board.said[-1].text if board.said else ""
        return Message(
            sender=name,
            text=text,
            output=entries,
            parts=tuple(board.said),
            missing=(*board.lost, *missing_of(board.said)),
        )

    settings = {
        "sources": [[one.actor.name, one.needs, one.entry] for one in sources],
        "done": done and label(done),
        "times": times,
    }
    return Team(
        name,
        [one.actor for one in sources],
        play,
        settings=settings,
        calls=[each(times, *(one.actor for one in sources))],
    )


class Work:
    """One board being worked on: who has worked from what, and who is at work."""

    def __init__(self, place: str, sources: list[Source], goal: Task, times: int) -> None:
        self.place, self.sources, self.goal, self.times = place, sources, goal, times
        self.said: list[Message] = []
        self.lost: list[Failure] = []
        self.seen: list[dict[str, int] | None] = [None] * len(sources)
        self.count = [0] * len(sources)
        self.busy: set[int] = set()
        self.over = False

    def key(self, entry: str) -> str:
        """Where an entry is on the board of the run."""
        return f"{self.place}.{entry}"

    async def lead(self, done: Done | None) -> None:
        """Send members to work until there is nothing left for them to do."""
        while True:
            if done is not None and done(await self.entries()):
                return
            for at in range(len(self.sources)):
                if at not in self.busy and self.count[at] < self.times and await self._stale(at):
                    self.busy.add(at)
                    self.count[at] += 1
                    await Send(f"{self.place}.go.{at}", "")
            if not self.busy:
                return
            self.busy.discard(await Hear(f"{self.place}.done"))

    async def serve(self, at: int) -> None:
        """Work whenever one is sent to."""
        while True:
            await Hear(f"{self.place}.go.{at}")
            await self._work(at)
            await Send(f"{self.place}.done", at)

    async def _stale(self, at: int) -> bool:
        """Whether a member has what it needs, and has not worked from just that."""
        versions = {need: (await self._get(need)).version for need in self.sources[at].needs}
        return all(versions.values()) and versions != self.seen[at]

    async def _work(self, at: int) -> None:
        source = self.sources[at]
        mine = await self._get(source.entry)
        needs = {need: await self._get(need) for need in source.needs}
        self.seen[at] = {need: entry.version for need, entry in needs.items()}
        try:
            said = await source.actor(self._asked(needs))
        except OverLimit:
            raise
        except RunError as error:
            self.lost.append(failure_of(error))
            return
        value = said.text if said.output is None else said.output
        if await Put(self.key(source.entry), value, mine.version):
            self.said.append(replace(said, sender=source.actor.name))
        else:
            self.seen[at] = None  # somebody else has written: look again, and this was no turn
            self.count[at] -= 1

    def _asked(self, needs: Mapping[str, Entry]) -> Task:
        shown = [
            Message(sender=entry.author.rpartition("/")[2] or need, text=f"{need}: {entry.value}")
            for need, entry in needs.items()
            if need != "task"
        ]
        data = {need: entry.value for need, entry in needs.items()}
        return Task("", conversation(self.goal).add(*shown), data)

    async def _get(self, entry: str) -> Entry:
        return await Get(self.key(entry))

    async def entries(self) -> dict[str, Any]:
        """What is on the board, but for the task."""
        found = {one.entry: await self._get(one.entry) for one in self.sources}
        return {name: entry.value for name, entry in found.items() if entry.version}

    def problem(self, entries: Mapping[str, Any], done: Done | None) -> str:
        """Why the board is not finished; empty if it is."""
        if done is not None and done(entries):
            return ""
        waits = [
            f"{one.actor.name!r} waits for {', '.join(repr(need) for need in one.needs if need not in entries)}"
            for one in self.sources
            if any(need not in entries and need != "task" for need in one.needs)
        ]
        if done is None and not waits and (self.said or not self.lost):
            return ""
        lost = [str(one) for one in self.lost]
        return "; ".join([*waits, *lost]) or "nobody has anything to add, and it is not done"
