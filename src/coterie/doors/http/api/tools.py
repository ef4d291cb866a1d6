"""The tools that are offered to agents that are written over the API."""

from __future__ import annotations

from coterie.doors.http.api.kept import After, ToolPage, ToolShown
from coterie.doors.http.operations import Call, Operations

operations = Operations()


@operations.add("GET", "/v1/tools", needs="viewer", query=After, gives=ToolPage, tagged=True)
async def list_tools(call: Call) -> ToolPage:
    """The tools that an agent may name, with the schemas of their arguments."""
    wanted: After = call.query
    tools = call.service.library.tools
    names = sorted(name for name in tools if name > wanted.after)
    shown = [
        ToolShown(
            name=name,
            description=tools[name].spec.description,
            parameters=tools[name].spec.parameters,
            tags=sorted(tools[name].tags),
            sensitive=tools[name].sensitive,
            needs_approval=bool(tools[name].needs_approval),
            idempotent=tools[name].idempotent,
        )
        for name in names[: wanted.limit]
    ]
    return ToolPage(tools=shown, next=shown[-1].name if len(names) > wanted.limit else None)
