"""From a run's records to the events of a task's stream.

1. A stream opens with the task as it is, and ends when the task has ended or only its client can move it.
2. What the team's own model says is the artifact `answer`, piece by piece; the whole answer replaces it at the end.
3. What a member has said is a status update, with the path of who said it.
4. A client that activates the extension `LIVE` is shown the pieces of members' answers too, each as an artifact that is
   named after its step. They are shown and not kept: the task that `GetTask` gives has the answer alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from a2a.types import a2a_pb2 as pb
from google.protobuf.struct_pb2 import Struct

from coterie.doors.a2a.tasks import ANSWER, answer_of, context_of, spent_of, status_of
from coterie.kernel.story import closed
from coterie.wire.a2a import parts_of, struct_of
from coterie.words.delta import Piece, Retracted, Shown
from coterie.words.event import Opened, Record, Settled
from coterie.words.message import Message

Event: TypeAlias = pb.Task | pb.TaskStatusUpdateEvent | pb.TaskArtifactUpdateEvent
LIVE = "urn:coterie:a2a:live"
"""The extension by which a client asks to be shown what members are saying."""


class Translator:
    """Makes the events of one stream of one task."""

    def __init__(self, began: Opened, *, live: bool) -> None:
        self._run = began.run
        self._context = context_of(began)
        self._root = began.actor
        self._live = live
        self._begun: dict[str, int] = {}

    def record(self, record: Record) -> list[Event]:
        """What a record is, in events."""
        event = record.event
        if not isinstance(event, Settled) or not isinstance(event.value, Message):
            return []
        events: list[Event] = []
        if event.path in self._begun and not self._own(event.path):
            events.append(self._artifact(event.path, event.value.text, append=False, last=True))
        if event.value.text and not self._own(event.path):
            events.append(self._progress(event.path, event.value, record.seq))
        return events

    def shown(self, shown: Shown) -> list[Event]:
        """What a model is saying, in events."""
        if not isinstance(shown, Piece | Retracted) or not (self._live or self._own(shown.path)):
            return []
        if isinstance(shown, Retracted):
            known = self._begun.pop(shown.path, None) is not None
            return [self._artifact(shown.path, "", append=False)] if known else []
        if shown.kind != "text":
            return []
        append = self._begun.get(shown.path) == shown.attempt
        self._begun[shown.path] = shown.attempt
        return [self._artifact(shown.path, shown.text, append=append)]

    def ended(self, records: Sequence[Record]) -> list[Event]:
        """How a stream ends: with the answer if there is one, and where the task stands."""
        events: list[Event] = []
        end = closed(records)
        if end is not None and end.message is not None:
            events.append(
                pb.TaskArtifactUpdateEvent(
                    task_id=self._run,
                    context_id=self._context,
                    artifact=answer_of(end.message),
                    last_chunk=True,
                )
            )
        status = status_of(self._run, records)
        return [*events, self._status(status, spent_of(records))]

    def _own(self, path: str) -> bool:
        """Whether a step is one of the team's own, and none of a member's."""
        return path.rpartition("/")[0] == self._root

    def _progress(self, path: str, message: Message, seq: int) -> Event:
        said = pb.Message(
            message_id=f"{self._run}.{seq}",
            task_id=self._run,
            context_id=self._context,
            role=pb.ROLE_AGENT,
            parts=parts_of(message),
            metadata=struct_of({"path": path, "agent": message.sender}),
        )
        return self._status(pb.TaskStatus(state=pb.TASK_STATE_WORKING, message=said))

    def _status(self, status: pb.TaskStatus, metadata: Struct | None = None) -> Event:
        return pb.TaskStatusUpdateEvent(
            task_id=self._run, context_id=self._context, status=status, metadata=metadata
        )

    def _artifact(self, path: str, text: str, *, append: bool, last: bool = False) -> Event:
        id = ANSWER if self._own(path) else path
        who = path.rpartition("/")[0].rpartition("/")[2].partition(".")[0]
        made = pb.Artifact(artifact_id=id, name=who, parts=[pb.Part(text=text)])
        if id != ANSWER:
            made.metadata.CopyFrom(struct_of({"draft": True}))
        return pb.TaskArtifactUpdateEvent(
            task_id=self._run, context_id=self._context, artifact=made, append=append, last_chunk=last
        )
