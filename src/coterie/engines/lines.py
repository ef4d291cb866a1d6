"""The lines of a queue on Temporal: its runs of one priority, and that need the same."""

from __future__ import annotations

from temporalio.api.enums.v1.task_queue_pb2 import (
    TASK_QUEUE_TYPE_ACTIVITY,
    TASK_QUEUE_TYPE_WORKFLOW,
    TaskQueueType,
)
from temporalio.api.taskqueue.v1.message_pb2 import TaskQueue, TaskQueueStats
from temporalio.api.workflowservice.v1.request_response_pb2 import DescribeTaskQueueRequest
from temporalio.client import Client

from coterie.engines.needs import needed
from coterie.words.cluster import Queue

RUN = "coterie-run"
"""The kind of workflow that a run is."""
URGENT = 3
"""The highest priority; Temporal counts from 1, the most urgent, on."""
KINDS = (TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY)


def queue_of(queue: str, needs: str) -> str:
    """Where Temporal has that wait which needs the same."""
    return f"coterie/{queue}/{needs}"


def urgency_of(priority: int) -> int:
    """A priority as Temporal counts them."""
    return 1 + URGENT - min(URGENT, max(0, priority))


async def lines_of(client: Client, queue: str) -> list[Queue]:
    """All lines of a queue in which there is something, and how many of its runs were given up."""
    found = [await _line(client, line) for line in await _names(client, queue)]
    dead = await _count(client, f"{_below(f'coterie/{queue}')} and ExecutionStatus = 'Failed'")
    return [*found, Queue(needs=(), priority=0, dead=dead)] if dead else found


async def _names(client: Client, queue: str) -> list[str]:
    """The lines in which there is something: what lies in none of those that were found is in another."""
    found: list[str] = []
    running = f"{_below(f'coterie/{queue}')} and ExecutionStatus = 'Running'"
    while True:
        others = "".join(f" and WorkflowId not starts_with '{line}/'" for line in found)
        one = await anext(client.list_workflows(running + others, limit=1, page_size=1), None)
        if one is None:
            return found
        found.append("/".join(one.id.split("/")[:4]))


async def _line(client: Client, line: str) -> Queue:
    place, _, urgency = line.rpartition("/")
    running = await _count(client, f"{_below(line)} and ExecutionStatus = 'Running'")
    waiting = [await _waiting(client, place, int(urgency), kind) for kind in KINDS]
    depth = sum(one.approximate_backlog_count for one in waiting)
    age = max(one.approximate_backlog_age.ToTimedelta().total_seconds() for one in waiting)
    return Queue(
        needs=needed(place.rpartition("/")[2]),
        priority=1 + URGENT - int(urgency),
        depth=depth,
        age=age if depth else 0.0,
        under_way=max(0, running - depth),
    )


async def _waiting(client: Client, place: str, urgency: int, kind: TaskQueueType.ValueType) -> TaskQueueStats:
    """What Temporal counts of what waits for a worker: moves of workflows, or bursts."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=place),
            task_queue_type=kind,
            report_stats=True,
        )
    )
    return described.stats_by_priority_key[urgency]


async def _count(client: Client, query: str) -> int:
    return (await client.count_workflows(query)).count


def _below(name: str) -> str:
    return f"WorkflowType = '{RUN}' and WorkflowId starts_with '{name}/'"
