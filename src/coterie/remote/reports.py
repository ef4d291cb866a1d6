"""Between the protocol's messages and what a journal keeps: requests of orders, reports of tasks."""

from __future__ import annotations

from typing import Any

import msgspec
from a2a.types import a2a_pb2 as pb

from coterie.kernel.values import to_plain
from coterie.reach.lineage import lineage
from coterie.remote.orders import Order, Question, Report, State
from coterie.wire.a2a import ABOVE, LIMITS, message_of, parts_of, plain_of, quoted_of, struct_of
from coterie.words.delta import AGAIN, Delta, Tell
from coterie.words.message import Message
from coterie.words.thread import Thread
from coterie.words.usage import NOTHING, ONE_REQUEST, Usage

LIVE = "urn:coterie:a2a:live"
"""The extension by which a service of ours shows what members are saying."""
HEADERS = {"a2a-extensions": LIVE, "a2a-version": "1.0"}
ANSWER = "answer"
STATES: dict[int, State] = {
    pb.TASK_STATE_COMPLETED: "completed",
    pb.TASK_STATE_FAILED: "failed",
    pb.TASK_STATE_CANCELED: "canceled",
    pb.TASK_STATE_REJECTED: "rejected",
    pb.TASK_STATE_INPUT_REQUIRED: "input",
    pb.TASK_STATE_AUTH_REQUIRED: "auth",
}


def request_of(order: Order, thread: Thread) -> pb.SendMessageRequest:
    """The request that sends what a thread says; what others said before is quoted with who said it."""
    said = list(thread)
    parts = [part for one in said[:-1] for part in quoted_of(one)]
    parts += parts_of(said[-1]) if said else [pb.Part(text="")]
    message = pb.Message(
        message_id=order.message,
        role=pb.ROLE_USER,
        parts=parts,
        task_id=order.task,
        context_id=order.context,
        metadata=struct_of({"question": order.question}) if order.question else None,
    )
    bounds = {} if order.task else {LIMITS: order.limits, ABOVE: list(lineage())}
    return pb.SendMessageRequest(
        message=message,
        configuration=pb.SendMessageConfiguration(return_immediately=True),
        metadata=struct_of(bounds),
    )


def report_of(answer: pb.StreamResponse, order: Order, *, stale: bool = False) -> Message:
    """What a remote has answered, as the message that a journal keeps: its `output` is the `Report`."""
    if answer.WhichOneof("payload") == "message":
        return _answered(message_of(answer.message.parts, "remote"), Report(state="completed"), ONE_REQUEST)
    task, about = answer.task, plain_of(answer.task.metadata)
    spent = _usage(about.get("usage")) if about.get("usage") else NOTHING
    said, over = _said(task), is_over(task)
    report = Report(
        state=STATES.get(task.status.state, "working"),
        task=task.id,
        context=task.context_id,
        questions=_questions(task) if task.status.state in _ASKING else (),
        value=said.output,
        why=message_of(task.status.message.parts, "remote").text,
        unverified=_unverified(task),
        stale=stale and over,
        spent=spent,
    )
    cost = _less(spent, order.spent) if spent is not NOTHING else ONE_REQUEST if over else Usage()
    return _answered(said, report, cost)


class _Asked(msgspec.Struct, frozen=True):
    """How a service of ours says what it asks."""

    questions: tuple[Question, ...] = ()


def is_over(task: pb.Task) -> bool:
    """Whether a task has ended, or waits for us."""
    return task.status.state in STATES


class Teller:
    """Tells what a remote is saying: the answer as text, what its members say as thoughts."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._parts: dict[str, tuple[int, str]] = {}

    def hear(self, event: pb.StreamResponse) -> bool:
        """Tell what an event says; whether it says that anything has happened."""
        kind: str | None = event.WhichOneof("payload")
        if kind == "artifact_update":
            self._artifact(event.artifact_update)
        return kind != "task"

    def _artifact(self, update: pb.TaskArtifactUpdateEvent) -> None:
        artifact = update.artifact
        text = "".join(part.text for part in artifact.parts)
        draft = "draft" in artifact.metadata
        number, told = self._parts.get(artifact.artifact_id, (len(self._parts), ""))
        if not update.append and told:
            if text == told or draft:
                return
            self._tell(AGAIN)
            self._parts, number, told = {}, 0, ""
        self._parts[artifact.artifact_id] = number, told + text
        if text:
            self._tell(Delta(text, "thinking" if draft else "text", number))


_ASKING = (pb.TASK_STATE_INPUT_REQUIRED, pb.TASK_STATE_AUTH_REQUIRED)


def _said(task: pb.Task) -> Message:
    """A task's answer: the artifact that is called so, or all there are."""
    own = [one for one in task.artifacts if one.artifact_id == ANSWER]
    parts = [part for artifact in own or task.artifacts for part in artifact.parts]
    return message_of(parts or task.status.message.parts, "remote")


def _answered(said: Message, report: Report, cost: Usage) -> Message:
    if report.value is None and said.output is not None:
        report = msgspec.structs.replace(report, value=said.output)
    return Message(sender="remote", text=said.text, files=said.files, output=to_plain(report), usage=cost)


def _questions(task: pb.Task) -> tuple[Question, ...]:
    """What a task asks: each question as data where it is one of our services', else in its words."""
    said = message_of(task.status.message.parts, "remote")
    try:
        told = msgspec.convert(said.output, _Asked).questions
    except msgspec.ValidationError:
        told = ()
    return told or (Question(text=said.text or "what now?"),)


def _unverified(task: pb.Task) -> str:
    if task.status.state != pb.TASK_STATE_FAILED:
        return ""
    return "".join(str(plain_of(one.metadata).get("unverified", "")) for one in task.artifacts)


def _usage(given: Any) -> Usage:
    """What a remote says that it has spent; nothing where that is not to be understood, or less than nothing."""
    try:
        spent = msgspec.convert(given, Usage, strict=False)
    except msgspec.ValidationError:
        return NOTHING
    return spent if all(value >= 0 for value in msgspec.structs.astuple(spent)) else NOTHING


def _less(spent: Usage, before: Usage) -> Usage:
    """What has been spent since."""
    pairs = zip(msgspec.structs.astuple(spent), msgspec.structs.astuple(before), strict=True)
    return Usage(*(max(0, now - then) for now, then in pairs))
