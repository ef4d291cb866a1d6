"""A question to a person as an MCP form, and what was filled in as an answer."""

from __future__ import annotations

from typing import Any

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult

from coterie.doors.refusal import refuse
from coterie.errors import NotOpen, RunError
from coterie.kernel.inquiries import Inquiry
from coterie.shell.host import Host

FIELD = "answer"


def form_of(asked: Inquiry, problem: str = "") -> ElicitRequest:
    """The form that asks it, with what was wrong with the answer before."""
    form = ElicitRequestFormParams(message=message_of(asked, problem), requested_schema=schema_of(asked))
    return ElicitRequest(params=form)


def message_of(asked: Inquiry, problem: str = "") -> str:
    """What the form says."""
    return f"{asked.ask.question}\n\n({problem})" if problem else asked.ask.question


def schema_of(asked: Inquiry) -> dict[str, Any]:
    """The schema of the form: one field, which is text or one of the choices."""
    field: dict[str, Any] = {"type": "string", "title": "Answer"}
    if asked.ask.choices:
        field["enum"] = [*asked.ask.choices]
    return {"type": "object", "properties": {FIELD: field}, "required": [FIELD]}


async def filled_in(host: Host, asked: Inquiry, given: ElicitResult, by: str) -> str:
    """Answer a question with what its form came back with; what was wrong with it, or nothing.

    Whatever else was filled in is an answer as a whole, where the question takes any. A question that somebody else
    has answered meanwhile is none any more.
    """
    try:
        if given.action != "accept":
            await refuse(host, asked, by)
        elif not given.content:
            return f"the form has no {FIELD!r}"
        else:
            await host.answer(asked.id, given.content.get(FIELD, given.content), by)
    except NotOpen:
        return ""
    except RunError as error:
        return error.message
    return ""
