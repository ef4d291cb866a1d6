"""The ACP bridge: `/acp/ping`, `/acp/agents`, `/acp/runs` and what is below them (Agent Communication Protocol 0.2).

A run is a run, its session an id that the runs of one conversation share, and what waits for a person is `awaiting`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from coterie.doors.acp.shapes import Mode, NewRun, Resumed, Said
from coterie.doors.acp.translator import asked_in, event_of, events_of, last_of, run_shown
from coterie.doors.http.problems import Problem, problem_of
from coterie.doors.http.service import Service
from coterie.errors import CoterieError
from coterie.kernel.story import closed, opened, result, task_of_run
from coterie.shell.host import Host
from coterie.words.event import Record
from coterie.words.message import Message
from coterie.words.principal import Role
from coterie.words.task import Task
from coterie.words.thread import Thread

Answer: TypeAlias = Callable[[Request, Host], Awaitable[Response]]
T = TypeVar("T")
CODES = {404: "not_found", 400: "invalid_input", 409: "invalid_input", 422: "invalid_input"}
"""What errors are called; all others are `server_error`."""
REMEMBERED = 100
"""Runs, the newest first, among which those of a session are looked for."""


def acp_routes(service: Service) -> list[Route]:
    """The routes of this door."""
    bridge = Bridge(service)
    table: tuple[tuple[str, str, Role, Answer], ...] = (
        ("GET", "/acp/ping", "viewer", bridge.ping),
        ("GET", "/acp/agents", "viewer", bridge.agents),
        ("GET", "/acp/agents/{name}", "viewer", bridge.agent),
        ("POST", "/acp/runs", "operator", bridge.begin),
        ("GET", "/acp/runs/{id}", "viewer", bridge.run),
        ("POST", "/acp/runs/{id}", "operator", bridge.resume),
        ("POST", "/acp/runs/{id}/cancel", "operator", bridge.cancel),
        ("GET", "/acp/runs/{id}/events", "viewer", bridge.events),
        ("GET", "/acp/sessions/{id}", "viewer", bridge.session),
    )
    return [
        Route(path, _guarded(service, role, answer), methods=[method]) for method, path, role, answer in table
    ]


def _guarded(service: Service, role: Role, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """`answer` for whoever has the role, with errors as this protocol has them."""

    async def guarded(request: Request) -> Response:
        principal = request.user.principal
        if not principal.may(role):
            return _error(Problem(403, f"this needs the role {role!r}"))
        try:
            return await answer(request, service.host(principal.tenant))
        except Problem as problem:
            return _error(problem)
        except CoterieError as error:
            return _error(problem_of(error))

    return guarded


def _error(problem: Problem) -> Response:
    body = {"code": CODES.get(problem.status, "server_error"), "message": problem.detail}
    return JSONResponse(body, problem.status, problem.headers)


class Bridge:
    """The agents and runs of a service, as this protocol has them."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def ping(self, request: Request, host: Host) -> Response:
        """That it is there."""
        return JSONResponse({})

    async def agents(self, request: Request, host: Host) -> Response:
        """Every offered team."""
        return JSONResponse({"agents": [self._manifest(name) for name in self._service.library.offers]})

    async def agent(self, request: Request, host: Host) -> Response:
        """One offered team."""
        return JSONResponse(self._manifest(self._offered(request.path_params["name"])))

    async def begin(self, request: Request, host: Host) -> Response:
        """Begin a run, and answer as its mode says."""
        new = await _body(request, NewRun)
        name = self._offered(new.agent_name)
        session = str(new.session_id or (new.session.id if new.session else uuid.uuid4()))
        known = new.session_id is not None or new.session is not None
        task = _task(new.input, await _before(host, session) if known else [])
        origin = self._service.library.origin(name, {}, None)
        by = request.user.principal
        origin |= {"by": by.name, "door": "acp", "session": session}
        actor = self._service.library.actor(origin)
        run = await host.begin(actor, task, id=str(uuid.uuid4()), origin=origin, by=by)
        return await _answered(host, run, new.mode, -1)

    async def run(self, request: Request, host: Host) -> Response:
        """The state of a run."""
        run = request.path_params["id"]
        return JSONResponse(run_shown(run, await host.journal(run)))

    async def events(self, request: Request, host: Host) -> Response:
        """Every event of a run by now."""
        run = request.path_params["id"]
        return JSONResponse({"events": events_of(run, await host.journal(run))})

    async def resume(self, request: Request, host: Host) -> Response:
        """Tell a run what it waits for, and answer as the mode says."""
        run, told = request.path_params["id"], await _body(request, Resumed)
        records = await host.journal(run)
        asked = asked_in(run, records)
        if asked is None:
            raise Problem(403, f"run {run} waits for nothing")
        text = told.await_resume.message.text.strip()
        await host.answer(asked.id, text, request.user.principal.name)
        return await _answered(host, run, told.mode, len(records) - 1)

    async def cancel(self, request: Request, host: Host) -> Response:
        """Stop a run."""
        run = request.path_params["id"]
        if closed(await host.journal(run)) is not None:
            raise Problem(403, f"run {run} is over")
        await host.cancel(run, "its ACP client has cancelled it")
        return JSONResponse(run_shown(run, await host.journal(run)), 202)

    async def session(self, request: Request, host: Host) -> Response:
        """A session that runs belong to. What was said in them is no resource that a client could fetch."""
        id = request.path_params["id"]
        if not await _runs_of(host, id):
            raise Problem(404, f"no run belongs to session {id!r}")
        return JSONResponse({"id": id, "history": [], "state": None})

    def _offered(self, name: str) -> str:
        if name not in self._service.library.offers:
            raise Problem(404, f"no agent is called {name!r}")
        return name

    def _manifest(self, name: str) -> dict[str, Any]:
        team = self._service.library.built(name)
        said = (getattr(team, "description", "") or "").strip()
        return {
            "name": name,
            "description": said or f"The team {name!r}",
            "metadata": {"framework": "Coterie"},
            "input_content_types": ["text/plain"],
            "output_content_types": ["text/plain"],
        }


async def _answered(host: Host, run: str, mode: Mode, after: int) -> Response:
    headers = {"Run-ID": run}
    if mode == "stream":
        return StreamingResponse(_stream(host, run, after), 200, headers, "text/event-stream")
    if mode == "sync":
        async for _ in host.events(run, after):
            pass
    return JSONResponse(run_shown(run, await host.journal(run)), 202 if mode == "async" else 200, headers)


async def _stream(host: Host, run: str, after: int) -> AsyncGenerator[str, None]:
    """What happens above event `after`. Whoever goes away leaves the run to go on: it can be asked for."""
    async for record in host.events(run, after):
        for event in event_of(run, record):
            yield _sse(event)
    for event in last_of(run, await host.journal(run)):
        yield _sse(event)


def _sse(event: dict[str, Any]) -> str:
    return f"data: {msgspec.json.encode(event).decode()}\n\n"


async def _body(request: Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the body does not fit: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is no JSON: {error}") from error


def _task(said: list[Said], before: list[Message]) -> Task:
    """The last message as the task, after those before it.

    Raises:
        Problem: if there is none, or one is more than text.
    """
    if not said or any(not _is_text(one) for one in said):
        raise Problem(422, "the input is one message or more, and all of them text")
    *earlier, last = [*before, *map(_message, said)]
    return Task(last.text, Thread(earlier) if earlier else None)


def _is_text(said: Said) -> bool:
    return all(
        one.content is not None
        and one.content_encoding in (None, "plain")
        and (one.content_type or "text/plain").startswith("text/")
        for one in said.parts
    )


def _message(said: Said) -> Message:
    return Message(sender="user" if said.role == "user" else said.role.rpartition("/")[2], text=said.text)


async def _runs_of(host: Host, session: str) -> list[tuple[str, list[Record]]]:
    """The runs of a session, the oldest first."""
    found: list[tuple[str, list[Record]]] = []
    for seen in (await host.runs())[:REMEMBERED]:
        records = await host.journal(seen.id)
        if opened(records).origin.get("session") == session:
            found.append((seen.id, records))
    return found[::-1]


async def _before(host: Host, session: str) -> list[Message]:
    """What was said in a session before: each task, and its answer."""
    said: list[Message] = []
    for run, records in await _runs_of(host, session):
        answer = result(run, records).message
        if answer is not None:
            said += [Message(sender="user", text=task_of_run(opened(records)).text), answer]
    return said
