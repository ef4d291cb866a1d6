"""Who works, on Temporal: each worker has a workflow that is asked what the worker says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import (
    HandleQueryInput,
    Interceptor,
    Worker,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from coterie.words.cluster import Hand

HAND = "coterie-hand"
RENEWED = timedelta(hours=1)
"""After how long the workflow of a worker begins anew; that of one that died ends after twice as long."""


@workflow.defn(name=HAND, sandboxed=False)
class HandWorkflow:
    """Is there for as long as its worker, to be asked."""

    @workflow.query
    def tell(self) -> str:
        """What the worker says of itself; `Telling` knows it."""
        raise NotImplementedError

    @workflow.run
    async def stay(self) -> None:
        """Be there."""
        await workflow.sleep(RENEWED)
        workflow.continue_as_new()


class Telling(Interceptor):
    """Has the workflow of a worker say what its worker says now."""

    def __init__(self, tell: Callable[[], Hand]) -> None:
        self._tell = tell

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """What answers instead of the workflow."""
        tell = self._tell

        class Told(WorkflowInboundInterceptor):
            async def handle_query(self, input: HandleQueryInput) -> Any:
                return msgspec.json.encode(tell()).decode()

        return Told


@asynccontextmanager
async def telling(client: Client, queue: str, tell: Callable[[], Hand]) -> AsyncGenerator[None]:
    """A block in which whoever asks is told of the worker here."""
    name = f"{HAND}/{queue}/{uuid4().hex}"
    worker = Worker(
        client,
        task_queue=name,
        workflows=(HandWorkflow,),
        interceptors=(Telling(tell),),
        max_cached_workflows=0,
        max_concurrent_workflow_task_polls=1,
    )
    async with worker:
        handle = await client.start_workflow(HAND, id=name, task_queue=name, run_timeout=2 * RENEWED)
        try:
            yield
        finally:
            with suppress(RPCError):  # then it ends by itself
                await handle.terminate("the worker left")


async def asked(client: Client, queue: str, seconds: float) -> list[Hand]:
    """The workers of a queue that answer within some seconds."""
    found: list[Hand] = []

    async def ask(id: str) -> None:
        with suppress(RPCError, TimeoutError):
            async with asyncio.timeout(seconds):
                said: str = await client.get_workflow_handle(id).query("tell", result_type=str)
                found.append(msgspec.json.decode(said, type=Hand))

    there = f"WorkflowType = '{HAND}' and WorkflowId starts_with '{HAND}/{queue}/' and ExecutionStatus = 'Running'"
    async with asyncio.TaskGroup() as group:
        async for one in client.list_workflows(there):
            group.create_task(ask(one.id))
    return found
