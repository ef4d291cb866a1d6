"""What becomes of a question that a person will not answer: a no where there is one, else the run is stopped."""

from __future__ import annotations

from coterie.kernel.inquiries import Inquiry
from coterie.shell.host import Host

NO = {"approval": "deny", "in_doubt": "give up", "limit": "stop", "permission": "deny"}
"""The answer that is a no, by what a question is about."""


async def refuse(host: Host, asked: Inquiry, by: str) -> None:
    """Take it that `by` will not answer.

    Raises:
        NotOpen: if nobody waits for an answer any more.
    """
    if asked.ask.about in NO:
        await host.answer(asked.id, NO[asked.ask.about], by)
    else:
        await host.cancel(asked.run, f"{asked.ask.about} was abandoned")
