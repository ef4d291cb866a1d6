"""Questions that runs ask people: approvals, choices, decisions about steps in doubt and limits."""

from __future__ import annotations

from coterie.doors.http.api.shapes import Decided, QuestionShown
from coterie.doors.http.operations import Call, Operations
from coterie.kernel.inquiries import Inquiry

operations = Operations()


@operations.add("GET", "/v1/approvals", needs="viewer", gives=list[QuestionShown])
async def list_approvals(call: Call) -> list[QuestionShown]:
    """The questions that are open, the oldest first."""
    return [question_shown(one) for one in await call.host.questions()]


@operations.add("GET", "/v1/approvals/{id}", needs="viewer", gives=QuestionShown, problems=(404,))
async def show_approval(call: Call) -> QuestionShown:
    """One question, open or not."""
    return question_shown(await call.host.inquiry(call.path["id"]))


@operations.add(
    "POST",
    "/v1/approvals/{id}",
    needs="operator",
    body=Decided,
    gives=QuestionShown,
    problems=(404, 409, 410),
)
async def decide_approval(call: Call) -> QuestionShown:
    """Answer a question; the answer is in the journal of its run when this returns."""
    decided: Decided = call.body
    return question_shown(await call.host.answer(call.path["id"], decided.value, call.by.name))


def question_shown(one: Inquiry) -> QuestionShown:
    """A question as a client sees it."""
    return QuestionShown(
        id=one.id,
        run=one.run,
        path=one.path,
        question=one.ask.question,
        about=one.ask.about,
        choices=one.ask.choices,
        to=one.ask.to,
        since=one.since,
        state=one.state,
        by=one.answer.by if one.answer is not None else "",
        paused=one.paused,
    )
