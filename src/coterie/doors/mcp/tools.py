"""The offered teams as MCP tools: each takes a task and the options of its team, and is performed as a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import Field

from coterie.doors.http.library import Offer
from coterie.doors.http.service import Service
from coterie.doors.mcp.call import Called
from coterie.doors.mcp.desk import Desk
from coterie.doors.mcp.outcome import outcome_of
from coterie.doors.mcp.visit import host_for
from coterie.errors import CoterieError
from coterie.teams.option import Option

RESULT = "coterie_result"
KINDS: dict[str, Any] = {"number": float, "flag": bool}
"""The types of options that are no text."""
_TASK = Annotated[str, Field(description="What is to be done, in full: the team sees nothing else.")]
_RUN = Annotated[str, Field(description="The id of the run.")]


def add_teams(server: MCPServer[Any], desk: Desk) -> None:
    """Add every offered team, and a tool to look after runs."""
    service = desk.service
    for offer in service.library.offers.values():
        server.add_tool(
            _tool(desk, offer),
            name=offer.name,
            description=_described(service, offer),
            annotations=ToolAnnotations(read_only_hint=False, open_world_hint=True),
        )
    server.add_tool(
        _result(service),
        name=RESULT,
        description="What a run has come to. Waits until it has ended, or only people can move it.",
        annotations=ToolAnnotations(read_only_hint=True),
    )


def _tool(desk: Desk, offer: Offer) -> Callable[..., Any]:
    async def performed(*, ctx: Called, task: str, **said: Any) -> CallToolResult | InputRequiredResult:
        return await desk.perform(ctx, offer.name, task, **said)

    return _signed(performed, [_parameter("task", _TASK), *_options(offer)])


def _result(service: Service) -> Callable[..., Any]:
    async def result(*, ctx: Called, run: str) -> CallToolResult:
        host = host_for(service, ctx.request_context, "viewer")
        try:
            await host.wait(run)
            return await outcome_of(host, run)
        except CoterieError as error:
            raise ToolError(str(error)) from error

    return _signed(result, [_parameter("run", _RUN)])


def _described(service: Service, offer: Offer) -> str:
    """What the team is for, in its own words where it has some."""
    team = service.library.built(offer.name)
    said = (getattr(team, "description", "") or "").strip()
    return said or f"The team {offer.name!r}: works on a task and answers it."


def _options(offer: Offer) -> Iterator[inspect.Parameter]:
    """What the team can be told; where its runs are kept is not for a client to say."""
    for option in offer.options:
        if option.kind != "store":
            default = inspect.Parameter.empty if option.required else None
            yield _parameter(option.name, _kind(option), default)


def _kind(option: Option) -> Any:
    kind = KINDS.get(option.kind, str)
    said: Any = kind if option.required else kind | None
    return Annotated[said, Field(description=option.help)]


def _parameter(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _signed(play: Callable[..., Any], parameters: list[inspect.Parameter]) -> Callable[..., Any]:
    """`play` with a signature from which its schema can be made."""
    all_ = [*parameters, _parameter("ctx", Called)]
    signed: Any = play
    signed.__signature__ = inspect.Signature(all_)
    signed.__annotations__ = {one.name: one.annotation for one in all_}
    return play
