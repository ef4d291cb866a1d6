"""Questions that runs ask people: approvals, choices, decisions about steps in doubt and limits."""

from __future__ import annotations

from coterie.doors.http.api.kept import After
from coterie.doors.http.api.shapes import Decided, QuestionShown
from coterie.doors.http.operations import Call, Operations, Some
from coterie.kernel.inquiries import Inquiry

operations = Operations()


@operations.add("GET", "/v1/approvals", needs="viewer", query=After, gives=list[QuestionShown], tagged=True)
async def list_approvals(call: Call) -> Some:
    """The questions that are open, the oldest first, a page at a time; `Link` says where the next one is."""
    wanted: After = call.query
    asked = await call.host.questions()
    place = next((at for at, one in enumerate(asked, 1) if one.id == wanted.after), 0)
    page, more = asked[place : place + wanted.limit], len(asked) > place + wanted.limit
    return Some([question_shown(one) for one in page], page[-1].id if more else None)


@operations.add(
    "GET", "/v1/approvals/{id}", needs="viewer", gives=QuestionShown, problems=(404,), tagged=True
)
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
