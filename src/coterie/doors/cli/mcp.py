"""`coterie mcp`: teams as tools of an MCP client, which starts this command and speaks to it by stdin and stdout."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from coterie.doors.cli.options import model_option
from coterie.doors.cli.serving import Serving, folder_option
from coterie.doors.cli.store import store_option
from coterie.errors import MissingExtra

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from coterie.doors.http.service import Service


@click.command()
@click.argument("teams", nargs=-1)
@model_option
@folder_option
@store_option
def mcp(teams: tuple[str, ...], model: str | None, folders: tuple[str, ...], store: str) -> None:
    """Offer TEAMS (all ready-made ones, unless some are named) as tools, over stdio.

    A team is the name of a ready-made one, FILE.py:NAME or module:NAME; NAME=... offers it by another name.
    Interrupted runs go on. A client that goes away parks what is under way, and the next start goes on with it.
    """
    try:
        from coterie.doors.mcp import mcp_server
    except ModuleNotFoundError as error:
        raise MissingExtra.of("mcp,server", "`coterie mcp`") from error
    service = Serving(store=store, teams=teams, model=model, folders=folders).service()
    asyncio.run(_serve(service, mcp_server(service)))


async def _serve(service: Service, server: MCPServer[Any]) -> None:
    async with service:
        await server.run_stdio_async()
