"""Where the tools of an MCP server have their runs performed: for any tool of yours, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.server import require_client_extension
from mcp_types import CallToolResult, InputRequiredResult

from coterie.doors.http.service import Service
from coterie.doors.mcp.call import Call, Called, Calls
from coterie.doors.mcp.deferred import TASKS, Deferred, takes_tasks
from coterie.doors.mcp.visit import Asking, host_for, principal_of
from coterie.errors import CoterieError
from coterie.kernel.story import opened
from coterie.reach.trace import HEADER, parent_of, within
from coterie.shell.host import Host


class Desk:
    """Takes calls for the teams of a service. Those called in `tasks_only` take so long that they are had as MCP
    tasks alone, by clients that know tasks.
    """

    def __init__(self, service: Service, *, tasks_only: Iterable[str] = ()) -> None:
        self.service = service
        self.calls = Calls()
        self.tasks_only = frozenset(tasks_only)

    async def perform(
        self, called: Called, team: str, task: str, **options: Any
    ) -> CallToolResult | InputRequiredResult:
        """What comes of the run that `called` is for: its answer, or what it asks the client's user.

        A tool whose own questions were answered by a call before (`input_responses`) begins the run here.

        Raises:
            ToolError: if the run cannot be begun or gone on with as asked.
            Deferred: if the client takes tasks; the server answers with one.
            MCPError: if who asks may not, or has to know tasks and does not.
        """
        if team in self.tasks_only:
            require_client_extension(called.request_context, TASKS)
        host, run = await self._run(called, team, task, options)
        if called.request_state != run and takes_tasks(called.request_context):
            raise Deferred(run)
        try:
            return await Call(self.service, self.calls, called, host, run).performed()
        except CoterieError as error:
            raise ToolError(f"run {run}: {error}") from error

    async def _run(self, called: Called, team: str, task: str, options: dict[str, Any]) -> tuple[Host, str]:
        """The run of a call: the one that its answers are for, or a new one."""
        asking = called.request_context
        host = host_for(self.service, asking, "operator")
        try:
            if called.request_state is not None and await self._is_of(host, called.request_state, team):
                return host, called.request_state
            said = {name: value for name, value in options.items() if value is not None}
            origin = self.service.library.origin(team, said, None)
            by = principal_of(asking)
            origin |= {"by": by.name, "door": "mcp"}
            with within(parent_of((asking.meta or {}).get(HEADER)) or _of_request(asking)):
                return host, await host.begin(self.service.library.actor(origin), task, origin=origin, by=by)
        except CoterieError as error:
            raise ToolError(str(error)) from error

    async def _is_of(self, host: Host, run: str, team: str) -> bool:
        return opened(await host.journal(run)).origin.get("name") == team


def _of_request(asking: Asking) -> str:
    """The parent that the HTTP request of a call names, whose session may be served by another task."""
    return "" if asking.request is None else parent_of(asking.request.headers.get(HEADER))
