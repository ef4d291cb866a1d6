"""`coterie run` and `coterie resume`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from coterie.doors.cli.outcome import told
from coterie.doors.cli.perform import Desk, attended
from coterie.doors.cli.store import opened_store, store_option
from coterie.doors.cli.terminal import view_of
from coterie.doors.teams import options_of, origin_of, team_of, team_of_run
from coterie.errors import BadInput
from coterie.kernel.story import opened
from coterie.models.find import find
from coterie.ports import Store
from coterie.shell.job import Job, new_id
from coterie.shell.run import journal
from coterie.shell.world import World
from coterie.teams import READY
from coterie.teams.option import Option
from coterie.words.result import Result
from coterie.words.task import Task

_KINDS: dict[str, Any] = {
    "text": str,
    "number": float,
    "flag": bool,
    "folder": click.Path(exists=True, file_okay=False, resolve_path=True),
    "file": click.Path(exists=True, dir_okay=False, resolve_path=True),
}
_MODEL = "The model of agents that name none: embedded, embedded:small, embedded:FILE.gguf."
_EVENTS = "Say every event as a line of JSON on stdout."
_QUIET = "Say only the answer."


class TeamCommand(click.Command):
    """A command whose options are its own and those of the ready-made team it is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        team = parser.parse_args(list(args))[0].get("team")
        options = options_of(team) if isinstance(team, str) else ()
        ctx.meta["coterie.options"] = [_click_option(option) for option in options]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*ctx.meta.get("coterie.options", ()), *super().get_params(ctx)]


def _click_option(option: Option) -> click.Option:
    return click.Option(
        [f"--{option.name.replace('_', '-')}", option.name],
        type=_KINDS[option.kind],
        is_flag=option.kind == "flag",
        required=option.required,
        default=option.default,
        show_default=option.default is not None,
        metavar=None if option.kind == "flag" else option.kind.upper(),
        help=option.help,
    )


@click.command(cls=TeamCommand, epilog=f"Ready-made teams: {', '.join(READY)}.")
@click.argument("team")
@click.argument("task")
@click.option("--model", help=_MODEL)
@store_option
@click.option("--id", "name", metavar="RUN", help="What the run is to be called; one that is there goes on.")
@click.option("--json", "as_json", is_flag=True, help=_EVENTS)
@click.option("--quiet", is_flag=True, help=_QUIET)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    team: str,
    task: str,
    model: str | None,
    store: str,
    name: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Give TASK to TEAM, show how it goes, and print the answer.

    TEAM is the name of a ready-made team, or FILE.py:NAME or module:NAME for one of your own: an
    actor, an async function, or a function that builds one.

    Exits with 0 if the run succeeded, 1 if it did not, 2 for a mistake in the command, 3 if it
    waits for answers, 130 if it was interrupted.
    """
    given = {key: value for key, value in options.items() if value is not None}
    origin = origin_of(team, given, model)
    actor = team_of(origin)
    world = _world(model)
    job = Job(actor, Task(task), world, None, name or new_id())
    job.origin = origin
    ctx.exit(asyncio.run(_performed(job, store, as_json=as_json, quiet=quiet)))
