"""Tasks: what an A2A client sees of a run, as a fold of its journal; and the kit's `TaskStore`, which stores nothing.

A task's id is its run's id. It begins with the name of a scope, a digest of who asked which team for it, so whose a
task is can be told by its id alone, and to everybody else there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.server.tasks.task_store import TaskStore
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import InvalidParamsError, UnsupportedOperationError
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct

from coterie.errors import UnknownRun
from coterie.kernel.inquiries import Inquiry, inquiries
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, state, usage
from coterie.kernel.values import to_plain
from coterie.shell.host import Host
from coterie.wire.a2a import data_part, parts_of, struct_of
from coterie.words.digest import digest, encode
from coterie.words.event import Closed, Opened, Record
from coterie.words.message import Message
from coterie.words.principal import Principal

PAGE, LARGEST_PAGE = 50, 100
ANSWER = "answer"
"""The id of the artifact that is a task's answer."""
REFUSALS = ("Declined", "NobodyCan", "NoBidder")
"""Failures that say that nobody will do the work, not that it went wrong."""
ENDED = (
    pb.TASK_STATE_COMPLETED,
    pb.TASK_STATE_FAILED,
    pb.TASK_STATE_CANCELED,
    pb.TASK_STATE_REJECTED,
)
ASKING = (pb.TASK_STATE_INPUT_REQUIRED, pb.TASK_STATE_AUTH_REQUIRED)


class Scope(Struct, frozen=True):
    """Whose tasks are meant: a principal's, of one team."""

    by: Principal
    team: str

    @property
    def prefix(self) -> str:
        """How the ids of its tasks begin."""
        return f"a2a-{_short([self.by.tenant, self.by.name, self.team], 12)}-"

    def within(self, context: str) -> str:
        """How the ids of its tasks of one context begin."""
        return f"{self.prefix}{_short(context, 8)}-"

    def context(self, message: pb.Message) -> str:
        """The context of a message: the one that it names, or a new one, which is the same if it is sent again."""
        return message.context_id or _short([self.prefix, message.SerializeToString(deterministic=True)], 32)

    def task(self, context: str, message: pb.Message) -> str:
        """The id of the task that a message begins: the same message begins the same task."""
        said = message.SerializeToString(deterministic=True)
        return self.within(context) + _short([context, said], 16)


def _short(value: Any, letters: int) -> str:
    return digest(encode(value)).hex()[:letters]


def task_of_run(run: str, records: Sequence[Record]) -> pb.Task:
    """The task that a run is by now."""
    began, asked = opened(records), inquiries(run, counted(records))
    end, context = closed(records), context_of(began)
    task = pb.Task(id=run, context_id=context, status=status_of(run, records))
    task.history.extend(_history(began, asked, context))
    if end is not None and end.message is not None:
        task.artifacts.append(answer_of(end.message))
    task.metadata.CopyFrom(spent_of(records))
    return task


def context_of(began: Opened) -> str:
    """The context that a run belongs to."""
    context: str = began.origin.get("a2a", {}).get("context", began.run)
    return context


def status_of(run: str, records: Sequence[Record]) -> pb.TaskStatus:
    """Where a task stands, and what it says there."""
    end, context = closed(records), context_of(opened(records))
    open_ = [one for one in inquiries(run, counted(records)) if one.state == "open"]
    at = _time(records[-1].time)
    if end is not None:
        said = _said(run, context, f"{run}.end", _why(end))
        return pb.TaskStatus(state=_ended(end), message=said, timestamp=at)
    if open_ and state(records) == "waiting":  # one that only listens waits for nobody in particular
        kind = pb.TASK_STATE_AUTH_REQUIRED if _auth(open_) else pb.TASK_STATE_INPUT_REQUIRED
        return pb.TaskStatus(state=kind, message=_questions(run, context, open_), timestamp=at)
    return pb.TaskStatus(state=pb.TASK_STATE_WORKING, timestamp=at)


def answer_of(message: Message) -> pb.Artifact:
    """A team's answer as an artifact."""
    about = {"unverified": message.unverified} if message.unverified else {}
    made = pb.Artifact(artifact_id=ANSWER, name=message.sender, parts=parts_of(message))
    if about:
        made.metadata.CopyFrom(struct_of(about))
    return made


def spent_of(records: Sequence[Record]) -> Any:
    """What a run has spent by now, as metadata."""
    return struct_of({"usage": to_plain(usage(records)[""])})


def _ended(end: Closed) -> pb.TaskState:
    if end.status == "succeeded":
        return pb.TASK_STATE_COMPLETED
    if end.status == "cancelled":
        return pb.TASK_STATE_CANCELED
    if end.failure is not None and end.failure.kind in REFUSALS:
        return pb.TASK_STATE_REJECTED
    return pb.TASK_STATE_FAILED


def _why(end: Closed) -> str:
    """What has to be said of an end beside the answer."""
    if end.failure is not None:
        return end.failure.message
    if end.message is not None and end.message.unverified:
        return f"the answer is not what was asked for: {end.message.unverified}"
    return "" if end.status == "succeeded" else f"the run is {end.status}"


def _said(run: str, context: str, id: str, text: str) -> pb.Message | None:
    if not text:
        return None
    part = pb.Part(text=text)
    return pb.Message(message_id=id, task_id=run, context_id=context, role=pb.ROLE_AGENT, parts=[part])


def _questions(run: str, context: str, asked: Sequence[Inquiry]) -> pb.Message:
    """What people are asked, in words and as data, the oldest first."""
    texts = [
        f"{one.ask.question} ({' / '.join(one.ask.choices)})" if one.ask.choices else one.ask.question
        for one in asked
    ]
    told = [
        {
            "question": one.id,
            "text": one.ask.question,
            "about": one.ask.about,
            "choices": one.ask.choices,
            "to": one.ask.to,
        }
        for one in asked
    ]
    parts = [pb.Part(text="\n".join(texts) or "waits for a message")]
    if told:
        parts.append(data_part({"questions": told}))
    id = asked[0].id if asked else f"{run}.waits"
    return pb.Message(message_id=id, task_id=run, context_id=context, role=pb.ROLE_AGENT, parts=parts)


def _auth(asked: Sequence[Inquiry]) -> bool:
    return bool(asked) and all(one.ask.about == "auth" for one in asked)


def _history(began: Opened, asked: Sequence[Inquiry], context: str) -> Iterator[pb.Message]:
    """What was said between the client and the team: the task, then question by question and answer by answer."""
    files = began.context[-1].files if began.context else ()
    given = Message(sender="user", text=began.task, output=began.data, files=files)
    first = began.origin.get("a2a", {}).get("message", f"{began.run}.task")
    yield _turn(began.run, context, first, pb.ROLE_USER, parts_of(given))
    for one in asked:
        yield _turn(began.run, context, one.id, pb.ROLE_AGENT, [pb.Part(text=one.ask.question)])
        if one.answer is not None:
            value = one.answer.value
            part = pb.Part(text=value) if isinstance(value, str) else data_part(value)
            yield _turn(began.run, context, f"{one.id}.answer", pb.ROLE_USER, [part])


def _turn(run: str, context: str, id: str, role: pb.Role, parts: Sequence[pb.Part]) -> pb.Message:
    return pb.Message(message_id=id, task_id=run, context_id=context, role=role, parts=parts)


def _time(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMilliseconds(round(seconds * 1000))
    return stamp


class JournalTasks(TaskStore):
    """The tasks of a service: `host` has the runs of a tenant, `scope` says who calls which team."""

    def __init__(self, host: Callable[[str], Host], scope: Callable[[ServerCallContext], Scope]) -> None:
        self._host = host
        self._scope = scope

    async def save(self, task: pb.Task, context: ServerCallContext) -> None:
        """Nothing: the journal has it already."""

    async def get(self, task_id: str, context: ServerCallContext) -> pb.Task | None:
        scope = self._scope(context)
        if not task_id.startswith(scope.prefix):
            return None
        try:
            return task_of_run(task_id, await self._host(scope.by.tenant).journal(task_id))
        except UnknownRun:
            return None

    async def list(self, params: pb.ListTasksRequest, context: ServerCallContext) -> pb.ListTasksResponse:
        scope = self._scope(context)
        host = self._host(scope.by.tenant)
        begins = scope.within(params.context_id) if params.context_id else scope.prefix
        since = params.status_timestamp_after.ToMilliseconds() / 1000
        seen = [one for one in await host.runs() if one.id.startswith(begins) and one.updated >= since]
        tasks = [task_of_run(one.id, await host.journal(one.id)) for one in seen]
        if params.status:
            tasks = [task for task in tasks if task.status.state == params.status]
        return _page(tasks, params)

    async def delete(self, task_id: str, context: ServerCallContext) -> None:
        raise UnsupportedOperationError("a journal is not deleted through A2A")


def _page(tasks: list[pb.Task], params: pb.ListTasksRequest) -> pb.ListTasksResponse:
    """The page of a list that is asked for. Its token says where it ends, so tasks that change do not shift it."""
    size = params.page_size if params.HasField("page_size") else PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise InvalidParamsError(f"a page has 1 to {LARGEST_PAGE} tasks, not {size}")
    tasks.sort(key=_place, reverse=True)
    total = len(tasks)
    if params.page_token:
        time, _, id = params.page_token.partition(":")
        if not time.isdigit():
            raise InvalidParamsError("no page of this list has that token")
        tasks = [task for task in tasks if _place(task) < (int(time), id)]
    page = tasks[:size]
    more = ":".join(map(str, _place(page[-1]))) if len(tasks) > size else ""
    return pb.ListTasksResponse(tasks=page, next_page_token=more, page_size=size, total_size=total)


def _place(task: pb.Task) -> tuple[int, str]:
    return task.status.timestamp.ToMilliseconds(), task.id
