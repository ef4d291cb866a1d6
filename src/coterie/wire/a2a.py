"""A2A parts: between our messages and the protocol's, text, files and data, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from a2a.types import a2a_pb2 as pb
from google.protobuf import json_format, struct_pb2

from coterie.kernel.values import to_plain
from coterie.words.message import File, Message
from coterie.words.task import Task
from coterie.words.thread import Thread

JSON = "application/json"
LIMITS, ABOVE = "urn:coterie:a2a:limits", "urn:coterie:a2a:above"
"""Metadata of a request that begins a task: what it may use up, and the runs that it is part of."""
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
    """A client's message as a task; what was said `before` in its context, and its files, are the task's context."""
    given = message_of(said.parts, "user")
    context = [*before]
    if given.files:
        context.append(Message(sender="user", files=given.files))
    return Task(given.text, Thread(context) if context else None, given.output)


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
