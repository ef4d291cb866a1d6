"""What an A2A client asks for, done with runs: whatever binding it comes by, JSON-RPC or REST.

The kit's own handler keeps tasks beside ours and queues in between. This one asks the journal: a task is there after a
restart, and so is its stream.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from a2a.utils.proto_utils import validate_proto_required_fields
from a2a.utils.task import apply_history_length, validate_history_length
from msgspec.structs import replace

from coterie.doors.a2a.bounds import bounds_of, not_round
from coterie.doors.a2a.courier import Courier
from coterie.doors.a2a.stream import LIVE, Event, Translator
from coterie.doors.a2a.tasks import ENDED, JournalTasks, Scope
from coterie.doors.http.service import Service
from coterie.errors import Answered, Busy, Denied, RunError
from coterie.kernel.inquiries import questions
from coterie.kernel.replay import counted
from coterie.kernel.story import closed, opened, result
from coterie.kernel.values import to_plain
from coterie.reach.lineage import ABOVE
from coterie.reach.trace import HEADER, parent_of, within
from coterie.shell.host import Host
from coterie.wire.a2a import message_of, plain_of, task_of_message
from coterie.words.event import Record
from coterie.words.message import Message
from coterie.words.principal import Role
from coterie.words.result import Result
from coterie.words.task import Task

TURNS = 50
"""Tasks of a context, the latest, that the next one is told of."""
TOPIC = "messages"
"""Where a message to a task that asks nothing goes, unless its metadata name another `topic`."""
TaskOf = Callable[[pb.Message, "list[Message]"], Task]


def no_direct(_: Result) -> bool:
    """Every request is answered with a task."""
    return False


class Handler(RequestHandler):
    """Answers A2A requests about those of a service's teams that are published.

    `task_of` makes a task of a client's message and of what was said before in its context; what `direct` is true of
    is answered with a bare message.
    """

    def __init__(
        self,
        service: Service,
        courier: Courier,
        teams: Collection[str],
        *,
        task_of: TaskOf = task_of_message,
        direct: Callable[[Result], bool] = no_direct,
    ) -> None:
        self._service = service
        self._courier = courier
        self.teams = teams
        self._task_of = task_of
        self._direct = direct
        self.tasks = JournalTasks(service.host, scope_of)

    async def on_get_task(self, params: pb.GetTaskRequest, context: ServerCallContext) -> pb.Task:
        validate_proto_required_fields(params)
        validate_history_length(params)
        return apply_history_length(await self._task(params.id, context), params)

    async def on_list_tasks(
        self, params: pb.ListTasksRequest, context: ServerCallContext
    ) -> pb.ListTasksResponse:
        validate_proto_required_fields(params)
        validate_history_length(params)
        page = await self.tasks.list(params, context)
        for task in page.tasks:
            if not params.include_artifacts:
                task.ClearField("artifacts")
            task.CopyFrom(apply_history_length(task, params))
        return page

    async def on_cancel_task(self, params: pb.CancelTaskRequest, context: ServerCallContext) -> pb.Task:
        validate_proto_required_fields(params)
        task = await self._task(params.id, context, "operator")
        if task.status.state in ENDED:
            raise TaskNotCancelableError
        await self._host(context).cancel(params.id, f"by {scope_of(context).by.name}, through A2A")
        self._courier.ring(params.id)
        return await self._task(params.id, context)

    async def on_message_send(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> pb.Task | pb.Message:
        validate_proto_required_fields(params)
        validate_history_length(params.configuration)
        run, _ = await self._taken(params, context)
        if not params.configuration.return_immediately:
            ended = await self._host(context).wait(run)
            if self._direct(ended):
                return _bare(await self._task(run, context))
        return apply_history_length(await self._task(run, context), params.configuration)

    async def on_message_send_stream(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event | pb.Message]:
        validate_proto_required_fields(params)
        validate_history_length(params.configuration)
        run, after = await self._taken(params, context)
        async with aclosing(self._events(run, after, context)) as events:
            async for event in events:
                yield event

    async def on_subscribe_to_task(
        self, params: pb.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        validate_proto_required_fields(params)
        task = await self._task(params.id, context)
        if task.status.state in ENDED:
            raise UnsupportedOperationError(f"task {params.id!r} has ended: there is nothing to wait for")
        after = len(await self._host(context).journal(params.id)) - 1
        async with aclosing(self._events(params.id, after, context)) as events:
            async for event in events:
                yield event

    async def on_create_task_push_notification_config(
        self, params: pb.TaskPushNotificationConfig, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        validate_proto_required_fields(params)
        task = await self._task(params.task_id, context, "operator")
        await self._courier.check(params)
        after = len(await self._host(context).journal(task.id)) - 1
        return await self._courier.want(scope_of(context).by.tenant, task.id, params, after)

    async def on_get_task_push_notification_config(
        self, params: pb.GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> pb.TaskPushNotificationConfig:
        validate_proto_required_fields(params)
        task = await self._task(params.task_id, context)
        found = await self._courier.pushes.one((scope_of(context).by.tenant, task.id, params.id))
        if found is None:
            raise TaskNotFoundError(f"task {task.id!r} has no push notification config {params.id!r}")
        return found.config

    async def on_list_task_push_notification_configs(
        self, params: pb.ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> pb.ListTaskPushNotificationConfigsResponse:
        validate_proto_required_fields(params)
        task = await self._task(params.task_id, context)
        kept = [one.config for one in await self._courier.pushes.of(scope_of(context).by.tenant, task.id)]
        after = [one for one in kept if one.id > params.page_token]
        page = after[: params.page_size or len(after)]
        more = page[-1].id if len(page) < len(after) else ""
        return pb.ListTaskPushNotificationConfigsResponse(configs=page, next_page_token=more)

    async def on_delete_task_push_notification_config(
        self, params: pb.DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        validate_proto_required_fields(params)
        task = await self._task(params.task_id, context, "operator")
        await self._courier.drop((scope_of(context).by.tenant, task.id, params.id))

    async def on_get_extended_agent_card(
        self, params: pb.GetExtendedAgentCardRequest, context: ServerCallContext
    ) -> pb.AgentCard:
        raise UnsupportedOperationError("the card that everybody may see is all there is")

    def _host(self, context: ServerCallContext) -> Host:
        return self._service.host(scope_of(context).by.tenant)

    async def _task(self, id: str, context: ServerCallContext, role: Role = "viewer") -> pb.Task:
        """A task of the caller's, who needs that role."""
        _needs(context, role)
        task = await self.tasks.get(id, context)
        if task is None:
            raise TaskNotFoundError(f"there is no task {id!r}")
        return task

    async def _taken(self, params: pb.SendMessageRequest, context: ServerCallContext) -> tuple[str, int]:
        """Have a message taken; the run it belongs to, and the number of its last event before."""
        _needs(context, "operator")
        wanted, message = params.configuration.task_push_notification_config, params.message
        if wanted.url:
            await self._courier.check(wanted)
        run, after = message.task_id, -1
        if run:
            after = await self._said(message, context)
        else:
            run = await self._begun(params, context)
        if wanted.url:
            await self._courier.want(scope_of(context).by.tenant, run, wanted, after)
        self._courier.ring(run)
        return run, after

    async def _begun(self, params: pb.SendMessageRequest, context: ServerCallContext) -> str:
        """Begin the run that a message asks for; said again, it is the same run."""
        scope, message = scope_of(context), params.message
        if scope.team not in self.teams:
            raise TaskNotFoundError(f"no team is called {scope.team!r}")
        host, conversation = self._service.host(scope.by.tenant), scope.context(message)
        run = scope.task(conversation, message)
        before = await self._before(scope, message.context_id) if message.context_id else []
        origin = self._service.library.origin(scope.team, {}, None) | {
            "by": scope.by.name,
            "a2a": {"context": conversation, "message": message.message_id, "team": scope.team},
        }
        limits, above = bounds_of(params)
        task = replace(self._task_of(message, before), taint=(f"peer {scope.by.name}, over A2A",))
        if above:
            await not_round(host, scope.team, task.text, above)
            origin[ABOVE] = above
        parent = parent_of(context.state.get("headers", {}).get(HEADER))
        try:
            actor = self._service.library.actor(origin)
            with within(parent):
                return await host.begin(actor, task, id=run, origin=origin, limits=limits, by=scope.by)
        except Busy:
            return run
        except Denied as error:
            raise UnsupportedOperationError(error.message) from error

    async def _before(self, scope: Scope, context: str) -> list[Message]:
        """What was said in the tasks of a context that have ended, the oldest first."""
        host = self._service.host(scope.by.tenant)
        ids = [one.id for one in await host.runs() if one.id.startswith(scope.within(context))]
        said: list[Message] = []
        for id in reversed(ids[:TURNS]):
            records = await host.journal(id)
            end = result(id, records)
            if end.message is not None:
                began = opened(records)
                said += [Message(sender="user", text=began.task, output=began.data), end.message]
        return said

    async def _said(self, message: pb.Message, context: ServerCallContext) -> int:
        """Have a task told a message: the answer to a question of its, or one to whoever listens."""
        task = await self._task(message.task_id, context, "operator")
        if message.context_id and message.context_id != task.context_id:
            raise InvalidParamsError(f"task {task.id!r} is of another context")
        if task.status.state in ENDED:
            raise UnsupportedOperationError(f"task {task.id!r} has ended: nobody hears a message to it")
        host, run = self._host(context), task.id
        records = await host.journal(run)
        asked = questions(run, counted(records))
        given = message_of(message.parts, "user")
        about = plain_of(message.metadata)
        try:
            if "question" in about or asked:
                id = about.get("question") or next(iter(asked.values())).id
                await _answered(host, str(id), run, given, scope_of(context).by.name)
            else:
                await host.send(run, str(about.get("topic", TOPIC)), to_plain(given))
        except RunError as error:
            raise InvalidParamsError(error.message) from error
        return len(records) - 1

    async def _events(self, run: str, after: int, context: ServerCallContext) -> AsyncGenerator[Event | Any]:
        """The stream of a task from an event of its run on."""
        host = self._host(context)
        records = await host.journal(run)
        told = Translator(opened(records), live=LIVE in context.requested_extensions)
        if closed(records) is None:
            yield await self._task(run, context)
            async for event in _following(host, told, run, max(after, len(records) - 1)):
                yield event
            records = await host.journal(run)
        elif self._direct(result(run, records)):
            yield _bare(await self._task(run, context))
            return
        else:
            yield await self._task(run, context)
        for event in told.ended(records):
            yield event


async def _following(host: Host, told: Translator, run: str, after: int) -> AsyncIterator[Event]:
    async for seen in host.stream(run, after):
        for event in told.record(seen) if isinstance(seen, Record) else told.shown(seen):
            yield event


async def _answered(host: Host, id: str, run: str, given: Message, by: str) -> None:
    """Answer a question of a run. The same answer again, as after a lost connection, changes nothing."""
    if id.rpartition(".")[0] != run:
        raise InvalidParamsError(f"{id!r} is no question of task {run!r}")
    value = given.text if given.output is None else given.output
    try:
        await host.answer(id, value, by)
    except Answered:
        answer = (await host.inquiry(id)).answer
        if answer is None or answer.value != value:
            raise


def _bare(task: pb.Task) -> pb.Message:
    """The answer of a task as a message of no task."""
    parts = task.artifacts[0].parts if task.artifacts else task.status.message.parts
    return pb.Message(message_id=uuid4().hex, context_id=task.context_id, role=pb.ROLE_AGENT, parts=parts)


def scope_of(context: ServerCallContext) -> Scope:
    """Who calls, and which team."""
    scope: Scope = context.state["scope"]
    return scope


def _needs(context: ServerCallContext, role: Role) -> None:
    if not scope_of(context).by.may(role):
        raise UnsupportedOperationError(f"this needs the role {role!r}")
