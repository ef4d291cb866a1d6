"""A2A parts: between our messages and the protocol's, text, files and data, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from a2a.types import a2a_pb2 as pb
from google.protobuf import json_format, struct_pb2
from msgspec.structs import replace

from coterie.kernel.values import to_plain
from coterie.words.message import File, Message
from coterie.words.task import Task
from coterie.words.thread import Thread

JSON = "application/json"
LIMITS, ABOVE = "urn:coterie:a2a:limits", "urn:coterie:a2a:above"
"""Metadata of a request that begins a task: what it may use up, and the runs that it is part of."""
SENDER = "urn:coterie:a2a:sender"
"""Metadata of a part: who said it, if it is quoted because it was said before the task."""
BYTES = "application/octet-stream"


def message_of(parts: Iterable[pb.Part], sender: str) -> Message:
    """What parts say, as one message: texts are joined by lines, several data are a list."""
    texts: list[str] = []
    files: list[File] = []
    data: list[Any] = []
    for part in parts:
        match part.WhichOneof("content"):
            case "text":
                texts.append(part.text)
            case "raw":
                files.append(File(media=part.media_type or BYTES, data=part.raw, name=part.filename))
            case "url":
                files.append(File(media=part.media_type or BYTES, url=part.url, name=part.filename))
            case "data":
                data.append(plain_of(part.data))
            case _:
                pass
    output = data[0] if len(data) == 1 else data or None
    return Message(sender=sender, text="\n".join(texts), output=output, files=tuple(files))


def task_of_message(said: pb.Message, before: Sequence[Message] = ()) -> Task:
    """A client's message as a task.

    What was said `before` in its context, what it quotes, and its files are the task's context.
    """
    quoted = [_unquoted(part) for part in said.parts if SENDER in part.metadata]
    given = message_of((part for part in said.parts if SENDER not in part.metadata), "user")
    context = [*before, *quoted]
    if given.files:
        context.append(Message(sender="user", files=given.files))
    return Task(given.text, Thread(context) if context else None, given.output)


def quoted_of(message: Message) -> list[pb.Part]:
    """What was said before the task, as an agent is told of it: the text with who said it, for those who only read."""
    parts = parts_of(message)
    if message.text:
        parts[0] = pb.Part(text=f"{message.sender}: {message.text}", media_type="text/plain")
    for part in parts:
        part.metadata.update({SENDER: message.sender})
    return parts


def _unquoted(part: pb.Part) -> Message:
    sender = str(part.metadata[SENDER])
    said = message_of([part], sender)
    return replace(said, text=said.text.removeprefix(f"{sender}: "))


def parts_of(message: Message) -> list[pb.Part]:
    """What a message says: its text, its typed value, its files; always at least one part."""
    parts = [pb.Part(text=message.text, media_type="text/plain")] if message.text else []
    if message.output is not None:
        parts.append(data_part(message.output))
    return [*parts, *map(_file, message.files)] or [pb.Part(text="")]


def data_part(value: Any) -> pb.Part:
    """A value in its JSON shape as a part."""
    data = json_format.ParseDict(to_plain(value), struct_pb2.Value())
    return pb.Part(data=data, media_type=JSON)


def struct_of(values: dict[str, Any]) -> struct_pb2.Struct:
    """A dict in its JSON shape, as metadata are given."""
    return json_format.ParseDict(to_plain(values), struct_pb2.Struct())


def plain_of(value: struct_pb2.Value | struct_pb2.Struct) -> Any:
    """A value or metadata of a client's in JSON shape."""
    return json_format.MessageToDict(value)


def _file(file: File) -> pb.Part:
    if file.url:
        return pb.Part(url=file.url, media_type=file.media, filename=file.name)
    return pb.Part(raw=file.data, media_type=file.media, filename=file.name)
