"""The story of a run: folds of its journal. Nothing here is stored; all of it follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, get_args

import msgspec
from msgspec import Struct

from coterie.errors import Corrupt
from coterie.kernel.inquiries import questions
from coterie.kernel.moves import told
from coterie.kernel.replay import counted
from coterie.kernel.taint import TAINT
from coterie.words.effect import Effect
from coterie.words.envelope import Envelope
from coterie.words.event import Asked, Closed, Noted, Opened, Record, Settled, Signalled
from coterie.words.failure import Failure
from coterie.words.message import Message
from coterie.words.result import TASK, Overview, Result, Status
from coterie.words.task import Task
from coterie.words.thread import Thread
from coterie.words.usage import NOTHING, Usage

ENDED: Final[frozenset[str]] = frozenset(get_args(Status)) - {"running", "waiting", "paused"}
"""Where a run stands whose journal was closed."""


def opened(records: Sequence[Record]) -> Opened:
    """How a run began.

    Raises:
        Corrupt: if its journal does not begin with that.
    """
    if not records or not isinstance(records[0].event, Opened):
        raise Corrupt("the journal does not begin with the opening of a run")
    return records[0].event


def task_of_run(began: Opened) -> Task:
    """The task that a run was opened with."""
    context = None if began.context is None else Thread(began.context)
    return Task(began.task, context, began.data, tuple(began.origin.get(TAINT, ())))


def closed(records: Sequence[Record]) -> Closed | None:
    """How a run ended; None if it did not."""
    if not [record for record in records if record.event.__class__ is Closed]:
        return None
    ends = [record.event for record in counted(records) if isinstance(record.event, Closed)]
    return ends[-1] if ends else None


def under_way(records: Iterable[Record]) -> dict[str, Effect[object]]:
    """What was asked and not settled, by path."""
    open_: dict[str, Effect[object]] = {}
    for record in told(list(records)).records:
        event = record.event
        if isinstance(event, Asked):
            open_[event.path] = event.effect
        elif isinstance(event, Settled) or (isinstance(event, Noted) and event.fact == "dropped"):
            open_.pop(event.path, None)
        elif isinstance(event, Closed):
            open_.clear()
    return open_


def state(records: Sequence[Record]) -> Status:
    """Where a run stands by its journal alone."""
    end = closed(records)
    if end is not None:
        return end.status
    kept = counted(records)
    if paused(kept):
        return "paused"
    waits, asked = under_way(kept), questions("", kept)
    last = kept[-1].event
    if isinstance(last, Noted) and last.fact == "listens":
        return "waiting"
    return "waiting" if waits and all(path in asked for path in waits) else "running"


def paused(records: Sequence[Record]) -> bool:
    """Whether a run was told to pause, and not to go on since."""
    said = [event.kind for one in records if type(event := one.event) is Signalled]
    pauses = [kind for kind in said if kind in ("pause", "unpaused")]
    return bool(pauses) and pauses[-1] == "pause"


def wakes(records: Sequence[Record]) -> float | None:
    """When time moves a run on that was put away until then, in seconds since the epoch; None for any other."""
    for record in reversed(records):
        event = record.event
        if isinstance(event, Noted) and event.fact == "sleeps":
            return float(event.value)
        if not isinstance(event, Noted) and not (isinstance(event, Signalled) and event.kind == "refused"):
            return None
    return None


def begun(records: Sequence[Record]) -> float:
    """When a run began: when its journal was opened, or at the later time for which it was opened."""
    for record in records[1:]:
        event = record.event
        if isinstance(event, Noted) and event.fact == "sleeps":
            return float(event.value)
        if not isinstance(event, Signalled):
            break
    return records[0].time


def overview(run: str, records: Sequence[Record]) -> Overview:
    """One run at a glance."""
    opened(records)
    end = closed(records)
    if end is not None:
        return listed(run, records[0], records[-1], end.status, end.usage)
    seen = listed(run, records[0], records[-1], state(records), usage(records)[""])
    return msgspec.structs.replace(seen, wakes=wakes(records))


def listed(run: str, first: Record, last: Record, status: Status, spent: Usage) -> Overview:
    """How a run is listed, by its first event and its newest."""
    began = opened([first])
    return Overview(
        id=run,
        actor=began.actor,
        task=began.task[:TASK],
        status=status,
        events=last.seq + 1,
        started=first.time,
        updated=last.time,
        team=str(began.origin.get("name") or began.actor),
        usage=spent,
    )


def result(run: str, records: Sequence[Record]) -> Result:
    """What a run came to, as far as its journal goes."""
    end = closed(records)
    if end is None:
        return Result(id=run, status=state(records), usage=usage(records)[""])
    return result_of(run, end)


def result_of(run: str, closed: Closed) -> Result:
    """The result that a run's closing says."""
    message = closed.message
    return Result(
        id=run,
        status=closed.status,
        message=message,
        failure=closed.failure,
        usage=closed.usage,
        parts=closed.parts if message is None else message.parts,
        missing=() if message is None else message.missing,
    )


def usage(records: Iterable[Record]) -> dict[str, Usage]:
    """What was spent below each frame's path; the whole run is the path `""`."""
    spent: dict[str, Usage] = {"": NOTHING}
    for record in records:
        event = record.event
        if isinstance(event, Settled) and event.usage != NOTHING:
            spent[""] += event.usage
            path = event.path
            while "/" in path:
                path = path.rpartition("/")[0]
                spent[path] = spent.get(path, NOTHING) + event.usage
    return spent


class Branch(Struct, kw_only=True):
    """One frame in the tree of a run. Times are seconds since the epoch; 0 means not yet."""

    path: str
    name: str
    task: str = ""
    state: str = "running"
    why: str = ""
    began: float = 0.0
    ended: float = 0.0
    usage: Usage = NOTHING
    steps: int = 0
    under_way: int = 0
    children: list[Branch] = []


def tree(records: Sequence[Record]) -> Branch:
    """The frames of a run, each below the frame that called it."""
    root = opened(records)
    grown = Tree(root.actor)
    for record in counted(records):
        grown.add(record)
    return grown.root


class Tree:
    """The tree of a run while it grows, one record at a time: a live view keeps one of these."""

    def __init__(self, name: str) -> None:
        self.root = Branch(path=name, name=name)
        self.branches: dict[str, Branch] = {name: self.root}

    def add(self, record: Record) -> None:
        """Take one record."""
        match record.event:
            case Noted(path=path, fact="entered", about=task):
                branch = self.at(path)
                branch.task, branch.began = task, record.time
            case Noted(path=path, fact="left"):
                self._end(path, "done", "", record.time)
            case Noted(path=path, fact="failed", about=why):
                self._end(path, "failed", why, record.time)
            case Asked(path=path):
                branch = self.at(path.rpartition("/")[0])
                branch.steps += 1
                branch.under_way += 1
            case Settled():
                self._settle(record.event)
            case Noted(path=path, fact="dropped"):
                self.at(path.rpartition("/")[0]).under_way -= 1
            case Closed():
                self._close(record)
            case _:
                pass

    def at(self, path: str) -> Branch:
        """The branch of a frame's path, grown if need be."""
        branch = self.branches.get(path)
        if branch is None:
            above, _, name = path.rpartition("/")
            branch = self.branches[path] = Branch(path=path, name=name)
            if above:
                self.at(above).children.append(branch)
        return branch

    def _settle(self, settled: Settled) -> None:
        path = settled.path.rpartition("/")[0]
        self.at(path).under_way -= 1
        while path:
            branch = self.at(path)
            branch.usage += settled.usage
            path = path.rpartition("/")[0]

    def _end(self, path: str, how: str, why: str, time: float) -> None:
        branch = self.at(path)
        branch.state, branch.why, branch.ended = how, why, time

    def _close(self, record: Record) -> None:
        for branch in self.branches.values():
            if branch.state == "running":
                branch.state, branch.ended = "closed", record.time
        if isinstance(record.event, Closed):
            self.root.state = record.event.status


class Mail(Struct, frozen=True, kw_only=True):
    """One message between agents: when it was sent, from which path, and the message."""

    seq: int
    time: float
    path: str
    envelope: Envelope


def mail(records: Sequence[Record], *, agent: str = "", conversation: str = "") -> list[Mail]:
    """The messages between the agents of a run, oldest first: to or from `agent`, of `conversation`."""
    found: list[Mail] = []
    seen: set[str] = set()
    for record in counted(records):
        event = record.event
        if not isinstance(event, Noted) or event.fact != "sent":
            continue
        try:
            envelope = msgspec.convert(event.value, Envelope)
        except msgspec.ValidationError:  # something else was sent on a topic
            continue
        if envelope.id in seen or not _about(envelope, agent, conversation):
            continue
        seen.add(envelope.id)
        found.append(Mail(seq=record.seq, time=record.time, path=event.path, envelope=envelope))
    return found


def _about(envelope: Envelope, agent: str, conversation: str) -> bool:
    return (not agent or agent in (envelope.sender, envelope.recipient)) and (
        not conversation or conversation == envelope.conversation
    )


def graph(records: Sequence[Record]) -> dict[tuple[str, str], int]:
    """Who talked to whom, and how often: by calling an actor, or by a message."""
    edges: dict[tuple[str, str], int] = {}
    entered: set[str] = set()
    for record in counted(records):
        event = record.event
        if isinstance(event, Noted) and event.fact == "entered":
            entered.add(event.path)
            above = event.path.rpartition("/")[0]
            while above and above not in entered:  # a branch that is no actor
                above = above.rpartition("/")[0]
            if above:
                _count(edges, _called(above), _called(event.path))
    for one in mail(records):
        _count(edges, one.envelope.sender, one.envelope.recipient)
    return edges


def _count(edges: dict[tuple[str, str], int], one: str, other: str) -> None:
    edges[one, other] = edges.get((one, other), 0) + 1


def _called(path: str) -> str:
    """The name of the actor whose frame has this path."""
    return path.rpartition("/")[2].partition(".")[0]


class Line(Struct, frozen=True, kw_only=True):
    """One line of a transcript: what an actor or a tool said at a path, and when."""

    seq: int
    time: float
    path: str
    sender: str
    text: str
    usage: Usage = NOTHING


def transcript(records: Sequence[Record]) -> list[Line]:
    """What was said in a run, oldest first: model answers, tool results, talk, failures."""
    return [line for record in counted(records) if (line := _line(record)) is not None]


def _line(record: Record) -> Line | None:
    match record.event:
        case Opened(task=task):
            return Line(seq=record.seq, time=record.time, path="", sender="user", text=task)
        case Settled(path=path, failure=Failure() as failure):
            return Line(seq=record.seq, time=record.time, path=path, sender="failure", text=str(failure))
        case Settled(path=path, value=Message() as message, usage=spent):
            text = message.text or ", ".join(f"{call.name}({call.arguments})" for call in message.calls)
            return Line(
                seq=record.seq, time=record.time, path=path, sender=message.sender, text=text, usage=spent
            )
        case Settled(path=path, value=value) if value is not None:
            step = path.rpartition("/")[2].rpartition(".")[0]
            return Line(seq=record.seq, time=record.time, path=path, sender=step, text=str(value))
        case Noted(path=path, fact="sent", about=topic, value=value):
            return Line(seq=record.seq, time=record.time, path=path, sender=f"-> {topic}", text=str(value))
        case _:
            return None
