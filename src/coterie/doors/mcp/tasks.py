"""The tasks extension (`io.modelcontextprotocol/tasks`, SEP-2663): the task is the run.

1. A client that takes tasks is answered by one as soon as the journal of the run is open, so that the task is there
   for whoever asks, after a crash as well. It ends with no connection and is kept as long as the run.
2. Its status is a fold of the journal: what people are asked now is `input_required`, whatever else goes on.
3. A run that failed is a completed call with an error in it. A task fails only where the protocol did.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.shared.inbound import decode_header_value
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, CallToolRequestParams, ElicitResult, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from coterie.doors.http.service import Service
from coterie.doors.mcp.deferred import TASKS, Deferred
from coterie.doors.mcp.forms import filled_in, form_of
from coterie.doors.mcp.outcome import outcome_of
from coterie.doors.mcp.visit import Asking, host_for, principal_of
from coterie.errors import UnknownRun
from coterie.kernel.inquiries import Inquiry, questions
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, result
from coterie.shell.host import Host
from coterie.words.event import Record
from coterie.words.principal import Role
from coterie.words.result import Result

MODERN = frozenset(MODERN_PROTOCOL_VERSIONS)
MISMATCH = -32020
"""A header says something else than the body (SEP-2243)."""
POLL = 1_000
"""Milliseconds after which it is worth asking again."""
TAKEN = 5.0
"""Seconds that an answer has to be taken by its run before the update is acknowledged all the same."""
DONE: dict[str, Any] = {"resultType": "complete"}


class Which(RequestParams):
    """Which task is meant."""

    task_id: str


class Update(Which):
    """What was filled in, by the question."""

    input_responses: dict[str, Any]


class Tasks(Extension):
    """Runs as tasks."""

    identifier = TASKS

    def __init__(self, service: Service) -> None:
        self._service = service

    def methods(self) -> list[MethodBinding]:
        return [
            MethodBinding("tasks/get", Which, self._get, MODERN),
            MethodBinding("tasks/update", Update, self._update, MODERN),
            MethodBinding("tasks/cancel", Which, self._cancel, MODERN),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Asking, call_next: CallNext
    ) -> HandlerResult:
        try:
            return await call_next(ctx)
        except Deferred as deferred:
            host = host_for(self._service, ctx, "viewer")
            task = _task(deferred.run, await host.journal(deferred.run))
            return {"resultType": "task", **task}

    async def _get(self, asking: Asking, params: Which) -> HandlerResult:
        host, records = await self._found(asking, params, "viewer")
        return {**DONE, **_task(params.task_id, records), **await _more(host, params.task_id, records)}

    async def _update(self, asking: Asking, params: Update) -> HandlerResult:
        host, records = await self._found(asking, params, "operator")
        open_ = _open(params.task_id, records)
        for id, given in params.input_responses.items():
            filled = _filled(given)
            if id in open_ and filled is not None:
                await filled_in(host, open_[id], filled, principal_of(asking).name)
                await _taken(host, open_[id], len(records) - 1)
        return DONE

    async def _cancel(self, asking: Asking, params: Which) -> HandlerResult:
        host, records = await self._found(asking, params, "operator")
        if closed(records) is None:
            await host.cancel(params.task_id, "its MCP client has cancelled the task")
        return DONE

    async def _found(self, asking: Asking, params: Which, role: Role) -> tuple[Host, list[Record]]:
        require_client_extension(asking, TASKS)
        _routed_right(asking, params.task_id)
        host = host_for(self._service, asking, role)
        try:
            return host, await host.journal(params.task_id)
        except UnknownRun as error:
            raise MCPError(INVALID_PARAMS, error.message) from error


def _routed_right(asking: Asking, task: str) -> None:
    """Look that the request was routed by the task that it is about, where it says by which.

    Raises:
        MCPError: if it was not (SEP-2243).
    """
    said = None if asking.request is None else asking.request.headers.get("mcp-name")
    if said is not None and decode_header_value(said) != task:
        raise MCPError(MISMATCH, f"Mcp-Name is {said!r}, and the task {task!r}")


def _task(run: str, records: list[Record]) -> dict[str, Any]:
    return {
        "taskId": run,
        "status": _status(run, records),
        "createdAt": _when(records[0]),
        "lastUpdatedAt": _when(records[-1]),
        "ttlMs": None,
        "pollIntervalMs": POLL,
    }


def _status(run: str, records: list[Record]) -> str:
    if closed(records) is None:
        return "input_required" if _open(run, records) else "working"
    end = result(run, records)
    if end.status == "cancelled":
        return "cancelled"
    return "failed" if _broke(end) else "completed"


async def _more(host: Host, run: str, records: list[Record]) -> dict[str, Any]:
    """What a task of its status has beside what all have."""
    status = _status(run, records)
    if status == "input_required":
        forms = {id: form_of(one) for id, one in _open(run, records).items()}
        return {"inputRequests": {id: _plain(form) for id, form in forms.items()}}
    if status == "completed":
        return {"result": _plain(await outcome_of(host, run))}
    if status == "failed":
        failure = result(run, records).failure
        why = "the run cannot be gone on with" if failure is None else failure.message
        return {"statusMessage": why, "error": {"code": INTERNAL_ERROR, "message": why}}
    return {}


def _broke(end: Result) -> bool:
    """Whether it was the protocol that failed, or the program, rather than the work."""
    return end.status == "needs_migration" or (
        end.failure is not None and end.failure.kind == MCPError.__name__
    )


def _open(run: str, records: list[Record]) -> dict[str, Inquiry]:
    return {one.id: one for one in questions(run, counted(records)).values()}


def _filled(given: Any) -> ElicitResult | None:
    """A response as a filled-in form; None for what is none."""
    try:
        return ElicitResult.model_validate(given)
    except ValidationError:
        return None


async def _taken(host: Host, asked: Inquiry, after: int) -> None:
    """Wait until the run has taken the answer, so that whoever asks next does not see the question again."""
    if (await host.inquiry(asked.id)).state != "open":
        return
    try:
        async with asyncio.timeout(TAKEN):
            async for _ in host.events(asked.run, after, on=True):
                if (await host.inquiry(asked.id)).state != "open":
                    return
    except TimeoutError:
        return


def _plain(model: Any) -> dict[str, Any]:
    said: dict[str, Any] = model.model_dump(by_alias=True, mode="json", exclude_none=True)
    return said


def _when(record: Record) -> str:
    return datetime.fromtimestamp(record.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
