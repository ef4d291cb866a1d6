"""What the agent does, by how the id of a message begins: each a small play, as anybody would write it."""

from __future__ import annotations

import asyncio

from coterie import Ask, File, Message, Sleep, Task, Team
from coterie.errors import Declined
from coterie.words.brief import Brief
from coterie.words.delta import Delta, Tell
from coterie.words.effect import Think
from coterie.words.thread import Thread

DIRECT = "direct"
"""Who answers with a message, and keeps no task of it."""
TEXT = "Generated text content"
URL = "https://example.com/output.txt"
DATA = {"key": "value", "count": 42}
CHUNKS = ("chunk-1 ", "chunk-2 ", "chunk-3")
SECONDS = 4.0
"""Seconds that a task goes on for whoever comes back to it."""


class Chunks:
    """A model that says its answer a piece at a time."""

    async def __call__(self, think: Think, /) -> Message:
        """The answer, at once."""
        return Message(sender=think.actor, text="".join(CHUNKS))

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The answer, piece by piece."""
        for chunk in CHUNKS:
            await asyncio.sleep(0.05)
            tell(Delta(chunk))
        return await self(think)


async def _complete(task: Task) -> Message:
    return Message(sender="tck", text=f"Hello from TCK: {task.text}")


async def _text(_: Task) -> Message:
    return Message(sender="tck", text=TEXT)


async def _file(_: Task) -> Message:
    made = File(media="text/plain", data=b"file content", name="output.txt")
    return Message(sender="tck", files=(made,))


async def _file_url(_: Task) -> Message:
    return Message(sender="tck", files=(File(media="text/plain", url=URL, name="output.txt"),))


async def _data(_: Task) -> Message:
    return Message(sender="tck", output=DATA)


async def _direct(_: Task) -> Message:
    return Message(sender=DIRECT, text="Direct message response")


async def _asks(_: Task) -> Message:
    return Message(sender="tck", text=f"Thank you: {await Ask('Please provide more information')}")


async def _rejects(_: Task) -> Message:
    raise Declined("this task is rejected")


async def _streams(task: Task) -> Message:
    return await Think("tck", "chunks", Brief(), Thread([Message(sender="user", text=task.text)]), Chunks())


async def _long(task: Task) -> Message:
    await Sleep(SECONDS)
    return await _complete(task)


BEHAVIOURS = {
    "tck-complete-task": _complete,
    "tck-artifact-text": _text,
    "tck-artifact-file-url": _file_url,
    "tck-artifact-file": _file,
    "tck-artifact-data": _data,
    "tck-message-response": _direct,
    "tck-input-required": _asks,
    "tck-reject-task": _rejects,
    "tck-stream-artifact-text": _text,
    "tck-stream-artifact-file": _file,
    "tck-stream-artifact-chunked": _streams,
    "tck-stream-": _streams,
    "test-resubscribe-message-id": _long,
}
"""What is done for a message, by the first of these that its id begins with; else its text is said again."""


async def _by_id(task: Task) -> Message:
    """Behaves as the id of the message says."""
    said: dict[str, str] = task.data or {}
    for prefix, play in BEHAVIOURS.items():
        if said.get("message", "").startswith(prefix):
            return await play(task)
    return await _complete(task)


tck = Team("tck", (), _by_id)
