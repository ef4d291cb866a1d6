"""The last answer of a run that a limit has ended: from what is there, by the model that was asked last."""

from __future__ import annotations

from msgspec.structs import replace

from coterie.errors import RunError
from coterie.kernel.frames import Frame
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.limits import LAST
from coterie.words.message import Message
from coterie.words.thread import Thread

WORDS = (
    "The work was stopped because a limit was reached. Answer the request as well as you can from what is "
    "there, and say what is missing."
)
LETTERS = LAST.input_tokens * 2
"""Letters of what was said that the last prompt holds: well below the tokens that are kept for it."""


async def conclusion(root: Frame, asked: Think, why: str) -> Message:
    """An answer from what the members of `root` said, asked for as `asked` was; it is unverified."""
    said = tuple(root.finished)
    request = root.task.text if root.task is not None else ""
    brief = Brief(WORDS, settings={"max_tokens": LAST.output_tokens})
    thread = Thread([Message(sender="user", text=request[:LETTERS]), *_newest(said, LETTERS - len(request))])
    answer = await Think(root.name, asked.model, brief, thread, asked.by)
    return replace(answer, sender=root.name, calls=(), parts=said, unverified=f"stopped early: {why}")


def _newest(said: tuple[Message, ...], letters: int) -> list[Message]:
    """The newest messages that fit, and before them how many do not."""
    kept: list[Message] = []
    for message in reversed(said):
        letters -= len(message.text)
        if letters < 0:
            break
        kept.append(message)
    left_out = len(said) - len(kept)
    note = [Message(sender="user", text=f"[{left_out} earlier messages are left out]")] if left_out else []
    return [*note, *reversed(kept)]


def keep(root: Frame, error: Exception) -> None:
    """What branches further down had answered is finished too, and rides on the error that ends the run."""
    known = {id(message) for message in root.finished}
    if isinstance(error, RunError):
        root.finished += [one for one in error.finished if isinstance(one, Message) and id(one) not in known]
