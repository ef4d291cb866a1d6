"""`coterie acp-editor`: a team as an agent in an editor, which starts this command and speaks to it over stdio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from coterie.doors.cli.options import model_option
from coterie.doors.cli.serving import Serving
from coterie.doors.cli.store import store_option
from coterie.errors import MissingExtra

if TYPE_CHECKING:
    from coterie.doors.http.service import Service


@click.command("acp-editor")
@click.argument("team")
@model_option
@store_option
def acp_editor(team: str, model: str | None, store: str) -> None:
    """Be TEAM as an agent of an editor that speaks the Agent Client Protocol.

    A team is the name of a ready-made one, FILE.py:NAME or module:NAME.
    """
    try:
        import acp

        from coterie.doors.acp.editor import Editor
    except ModuleNotFoundError as error:
        raise MissingExtra.of("acp,server", "`coterie acp-editor`") from error
    service = Serving(store=store, teams=(team,), model=model).service()
    name = next(iter(service.library.offers))
    agent = Editor(service.host("default"), service.library, name)
    asyncio.run(_serve(service, acp.run_agent, agent))


async def _serve(service: Service, run: Any, agent: Any) -> None:
    async with service:
        await run(agent)
