"""What the API offers, a module a kind of thing. Importing one puts its operations on the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coterie.doors.http.operations import Operation, Operations


def table() -> list[Operation]:
    """Every operation there is, in the order in which a reader looks for them."""
    from coterie.doors.http.api import (
        agents,
        approvals,
        audit,
        boards,
        cluster,
        health,
        keys,
        memory,
        runs,
        schedules,
        teams,
        tools,
        topics,
        usage,
    )

    modules: list[Operations] = [
        teams.operations,
        runs.operations,
        schedules.operations,
        agents.operations,
        memory.operations,
        topics.operations,
        boards.operations,
        tools.operations,
        approvals.operations,
        audit.operations,
        keys.operations,
        usage.operations,
        cluster.operations,
        health.operations,
    ]
    return [operation for one in modules for operation in one.table]
