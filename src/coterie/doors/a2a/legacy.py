"""The dialect of guides older than the standard: `agents/tasks/create` and `agents/tasks/result`, over JSON-RPC.

It is accepted, labelled in every answer, and advertised nowhere. A task's text is `message`, `task` or `input`: a text,
or an object with `parts` or `text`; its conversation is `contextId` or `sessionId`.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP, A2AError, InvalidParamsError

from coterie.wire.a2a import data_part, message_of

CREATE, RESULT = "agents/tasks/create", "agents/tasks/result"
DIALECT = "agents/tasks, from before A2A 1.0"


async def legacy(handler: RequestHandler, body: dict[str, Any], context: ServerCallContext) -> dict[str, Any]:
    """The answer to a request of the dialect, as a JSON-RPC response."""
    params = _object(body.get("params"))
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": body.get("id")}
    try:
        task: pb.Task | pb.Message | None
        if body["method"] == CREATE:
            task = await handler.on_message_send(_request(params), context)
        else:
            id = str(params.get("taskId") or params.get("id") or "")
            task = await handler.on_get_task(pb.GetTaskRequest(id=id), context)
    except A2AError as error:
        code = JSON_RPC_ERROR_CODE_MAP.get(type(error), -32603)
        return {**reply, "error": {"code": code, "message": error.message}}
    return {**reply, "result": _shown(task) if isinstance(task, pb.Task) else {}}


def _request(params: dict[str, Any]) -> pb.SendMessageRequest:
    """What `create` asks for, as a message of the standard that is answered at once."""
    said = params.get("message") or params.get("task") or params.get("input")
    message = pb.Message(
        message_id=str(params.get("messageId") or uuid4().hex),
        context_id=str(params.get("contextId") or params.get("sessionId") or ""),
        role=pb.ROLE_USER,
        parts=_parts(said),
    )
    return pb.SendMessageRequest(
        message=message, configuration=pb.SendMessageConfiguration(return_immediately=True)
    )


def _parts(said: Any) -> list[pb.Part]:
    if isinstance(said, str) and said:
        return [pb.Part(text=said)]
    if whole := _object(said):
        parts: list[Any] = whole.get("parts") or [whole]
        return [_part(one) for one in parts]
    raise InvalidParamsError(f"{CREATE} says what to do: as `message`, `task` or `input`")


def _part(given: Any) -> pb.Part:
    text = _object(given).get("text")
    return pb.Part(text=text) if isinstance(text, str) else data_part(given)


def _object(given: Any) -> dict[str, Any]:
    """What is given, if it is an object; else an empty one."""
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {}


def _shown(task: pb.Task) -> dict[str, Any]:
    """A task as that dialect has it."""
    state = pb.TaskState.Name(task.status.state).removeprefix("TASK_STATE_").lower().replace("_", "-")
    answer = message_of((part for one in task.artifacts for part in one.parts), "agent")
    return {
        "id": task.id,
        "taskId": task.id,
        "contextId": task.context_id,
        "status": state,
        "message": message_of(task.status.message.parts, "agent").text,
        "output": answer.text,
        "data": answer.output,
        "dialect": DIALECT,
    }
