"""The AG-UI door: `POST /ag-ui/{team}` with a `RunAgentInput`, answered by its events.

Asking again with `resume` answers what the run before was interrupted for, and goes on with the very same run. Who goes
away while it goes on stops it, as `abortRun` of a client means it to; what was finished stays, and it can be resumed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from ag_ui.core import BaseEvent, RunAgentInput
from ag_ui.encoder import EventEncoder
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from coterie.doors.agui.translator import Translator
from coterie.doors.http.library import UnknownTeam
from coterie.doors.http.problems import Problem
from coterie.doors.http.service import Service
from coterie.doors.refusal import refuse
from coterie.errors import Busy, NotOpen
from coterie.kernel.inquiries import questions
from coterie.kernel.replay import counted
from coterie.kernel.story import opened
from coterie.shell.host import Host
from coterie.words.event import Record
from coterie.words.message import Message
from coterie.words.task import Task
from coterie.words.thread import Thread


def agui_routes(service: Service) -> list[Route]:
    """The routes of this door."""

    async def agent(request: Request) -> StreamingResponse:
        given = await _input(request)
        host = service.host(request.user.principal.tenant)
        if given.resume:
            run, after = await _answered(host, given, request.user.principal.name)
        else:
            run, after = await _begun(service, request, host, given), -1
        return StreamingResponse(_events(host, given, run, after), media_type="text/event-stream")

    return [Route("/ag-ui/{team}", agent, methods=["POST"])]


async def _input(request: Request) -> RunAgentInput:
    if not request.user.principal.may("operator"):
        raise Problem(403, "running a team needs the role 'operator'")
    try:
        return RunAgentInput.model_validate_json(await request.body())
    except ValidationError as error:
        raise Problem(422, f"the body is no RunAgentInput: {error}") from error


async def _begun(service: Service, request: Request, host: Host, given: RunAgentInput) -> str:
    """Begin the run that is asked for; its id is the client's own where it is free."""
    try:
        origin = service.library.origin(request.path_params["team"], {}, None)
    except UnknownTeam as error:
        raise Problem(404, error.message) from error
    origin |= {"by": request.user.principal.name, "agui": {"thread": given.thread_id, "run": given.run_id}}
    actor, task = service.library.actor(origin), task_of_input(given)
    try:
        return await host.begin(actor, task, origin=origin, by=request.user.principal)
    except Busy as error:
        raise Problem(409, error.message) from error


async def _answered(host: Host, given: RunAgentInput, by: str) -> tuple[str, int]:
    """Answer what the run before was interrupted for; that run, and the last event before the answers."""
    run, after = "", -1
    for entry in given.resume or ():
        try:
            asked = await host.inquiry(entry.interrupt_id)
            if not run:
                run, after = asked.run, len(await host.journal(asked.run)) - 1
            elif asked.run != run:
                raise Problem(422, "the interrupts are of several runs")
            if entry.status == "resolved":
                await host.answer(asked.id, entry.payload, by)
            else:
                await refuse(host, asked, by)
        except NotOpen as error:
            raise Problem(409, error.message) from error
    return run, after


async def _events(host: Host, given: RunAgentInput, run: str, after: int) -> AsyncGenerator[str, None]:
    encode = EventEncoder().encode
    records = await host.journal(run)
    translator = Translator(given.thread_id, given.run_id, opened(records).actor)
    translator.caught_up(counted(records[: after + 1]))
    over = False
    try:
        for event in translator.started():
            yield encode(event)
        async for seen in host.stream(run, after):
            for event in translator.record(seen) if isinstance(seen, Record) else translator.shown(seen):
                yield encode(event)
        for event in await _last(host, translator, run):
            yield encode(event)
        over = True
    finally:
        if not over:  # whoever watched has gone
            await host.cancel(run, "its AG-UI client has gone")


async def _last(host: Host, translator: Translator, run: str) -> list[BaseEvent]:
    asked = questions(run, counted(await host.journal(run)))
    return translator.ended(await host.result(run), [*asked.values()])


def task_of_input(given: RunAgentInput) -> Task:
    """The last thing that the user says as a task, with what was said before as its context.

    Raises:
        Problem: if the user says nothing.
    """
    said = [one for one in map(_message, given.messages) if one is not None]
    if not said or said[-1].sender != "user":
        raise Problem(422, "the last message is not the user's: there is nothing to do")
    more = [f"{one.description}: {one.value}" for one in given.context or ()]
    text = "\n".join([said[-1].text, *more])
    before = Thread(said[:-1]) if len(said) > 1 else None
    return Task(text, before, {"state": given.state} if given.state else None)


def _message(given: Any) -> Message | None:
    """One message of the client's; None for what is not said to an agent."""
    if given.role not in ("user", "assistant", "system", "developer"):
        return None
    content = given.content or ""
    text = content if isinstance(content, str) else "\n".join(getattr(part, "text", "") for part in content)
    if given.role == "assistant":
        return Message(sender=given.name or "assistant", text=text) if text else None
    return Message(sender="user", text=text)
