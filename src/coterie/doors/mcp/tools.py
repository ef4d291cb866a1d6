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
from coterie.doors.mcp.call import Call, Called, Calls
from coterie.doors.mcp.outcome import outcome_of
from coterie.doors.mcp.visit import Asking, host_for, principal_of
from coterie.errors import CoterieError
from coterie.kernel.story import opened
from coterie.shell.host import Host
from coterie.teams.option import Option

RESULT = "coterie_result"
KINDS: dict[str, Any] = {"number": float, "flag": bool}
"""The types of options that are no text."""
_TASK = Annotated[str, Field(description="What is to be done, in full: the team sees nothing else.")]
_RUN = Annotated[str, Field(description="The id of the run.")]


def add_teams(server: MCPServer[Any], service: Service) -> Calls:
    """Add every offered team, and a tool to look after runs; the calls that they are performed for."""
    calls = Calls()
    for offer in service.library.offers.values():
        server.add_tool(
            _tool(service, calls, offer),
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
    return calls


async def begin(service: Service, asking: Asking, name: str, said: dict[str, Any]) -> tuple[Host, str]:
    """Begin the run that a call of the tool `name` asks for.

    Raises:
        ToolError: if it cannot be begun as asked.
    """
    host = host_for(service, asking, "operator")
    options = {key: value for key, value in said.items() if key != "task" and value is not None}
    try:
        origin = service.library.origin(name, options, None)
        origin |= {"by": principal_of(asking).name, "door": "mcp"}
        return host, await host.begin(service.library.actor(origin), said["task"], origin=origin)
    except CoterieError as error:
        raise ToolError(str(error)) from error


def _tool(service: Service, calls: Calls, offer: Offer) -> Callable[..., Any]:
    async def performed(*, ctx: Called, **said: Any) -> CallToolResult | InputRequiredResult:
        host, run = await _run(service, ctx, offer.name, said)
        try:
            return await Call(service, calls, ctx, host, run).performed()
        except CoterieError as error:
            raise ToolError(f"run {run}: {error}") from error

    return _signed(performed, [_parameter("task", _TASK), *_options(offer)])


async def _run(service: Service, called: Called, name: str, said: dict[str, Any]) -> tuple[Host, str]:
    """The run of a call: a new one, or the one that its answers are for.

    Raises:
        ToolError: if there is none.
    """
    if called.request_state is None:
        return await begin(service, called.request_context, name, said)
    host = host_for(service, called.request_context, "operator")
    try:
        if opened(await host.journal(called.request_state)).origin.get("name") == name:
            return host, called.request_state
    except CoterieError as error:
        raise ToolError(str(error)) from error
    raise ToolError(f"run {called.request_state!r} is none of team {name!r}")


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
