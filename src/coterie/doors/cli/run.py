"""`coterie run` and `coterie resume`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from coterie.doors.cli import remote
from coterie.doors.cli.doubts import doubt_option
from coterie.doors.cli.governance import policy_option
from coterie.doors.cli.options import model_option
from coterie.doors.cli.outcome import told
from coterie.doors.cli.perform import INTERRUPTED, Desk, attended
from coterie.doors.cli.quotas import day_option
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.running import Maker, Resuming, Running, gone_on_with
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.cli.team import KINDS, TeamCommand
from coterie.doors.cli.terminal import view_of
from coterie.kernel.story import opened
from coterie.shell.run import journal
from coterie.teams import READY
from coterie.words.limits import CAPS

if TYPE_CHECKING:
    pass

_CAPS = f"A limit of the run: {', '.join(CAPS)}."
_MEMORY = "What it remembers with: the file of `coterie memory`."
_EVENTS = "Say every event as a line of JSON on stdout."
_QUIET = "Say only the answer."


@click.command(cls=TeamCommand, epilog=f"Ready-made teams: {', '.join(READY)}.")
@click.argument("team")
@click.argument("task")
@model_option
@journals_option
@server_option
@click.option("--id", "name", metavar="RUN", help="What the run is to be called; one that is there goes on.")
@click.option("--session", metavar="NAME", help="The conversation that it is the next message of.")
@click.option("--memory", metavar="PATH", help=_MEMORY)
@click.option(
    "--plan", "plan", type=KINDS["file"], help="The plan of an orchestrator, as `coterie plan` writes it."
)
@click.option("--limit", "caps", multiple=True, metavar="NAME=VALUE", help=_CAPS)
@policy_option
@doubt_option
@day_option
@click.option("--at-cap", type=click.Choice(["stop", "finalize", "ask"]), help="What happens at a limit.")
@click.option("--json", "as_json", is_flag=True, help=_EVENTS)
@click.option("--quiet", is_flag=True, help=_QUIET)
@click.pass_context
def run(ctx: click.Context, /, **said: Any) -> None:
    """Give TASK to TEAM, show how it goes, and print the answer.

    TEAM is the name of a ready-made team, FILE.yaml or FILE.yaml:NAME for a team file, or FILE.py:NAME or
    module:NAME for one of your own in Python: an actor, an async function, or a function that builds one.

    Exits with 0 if the run succeeded, 1 if it did not, 2 for a mistake in the command, 3 if it
    waits for answers, 130 if it was interrupted.
    """
    running = Running.of(said)
    remote.refuse(
        running.server,
        session=running.session,
        memory=running.memory,
        plan=running.plan,
        policy=running.policy,
        in_doubt=running.doubts,
        day_limit=running.days,
    )
    if running.server:
        ctx.exit(over(running.server, running.store, running.there))
    ctx.exit(
        asyncio.run(
            _performed(running.here(), running.store, new=True, as_json=running.as_json, quiet=running.quiet)
        )
    )


@click.command()
@click.argument("name", metavar="RUN")
@click.option("--answer", "answers", multiple=True, metavar="PATH=VALUE", help="Answer an open question.")
@click.option("--raise", "caps", multiple=True, metavar="NAME=VALUE", help=_CAPS)
@click.option("--team", metavar="TEAM", help="The team, where the run does not remember it.")
@click.option("--memory", metavar="PATH", help=_MEMORY)
@model_option
@policy_option
@doubt_option
@day_option
@journals_option
@server_option
@click.option("--json", "as_json", is_flag=True, help=_EVENTS)
@click.option("--quiet", is_flag=True, help=_QUIET)
@click.pass_context
def resume(ctx: click.Context, /, **said: Any) -> None:
    """Go on with RUN: interrupted, cancelled, failed, or waiting for answers.

    What its journal says is done is not done again. A run that succeeded gives its answer again.
    """
    resuming = Resuming(**said)
    remote.refuse(
        resuming.server,
        team=resuming.team,
        memory=resuming.memory,
        model=resuming.model,
        policy=resuming.policy,
        in_doubt=resuming.doubts,
        day_limit=resuming.days,
    )
    if resuming.server:
        ctx.exit(over(resuming.server, resuming.store, resuming.there))
    ctx.exit(
        asyncio.run(
            _performed(resuming.here(), resuming.store, as_json=resuming.as_json, quiet=resuming.quiet)
        )
    )


async def _performed(
    make: Maker,
    path: str,
    *,
    new: bool = False,
    as_json: bool,
    quiet: bool,
) -> int:
    """Perform a job at this terminal, to its end or until nobody here can answer; the exit code."""
    desk = Desk(view_of(as_json=as_json, quiet=quiet))
    ask = desk.ask if attended() and not as_json else None
    async with opened_store(path, new=new) as store:
        job = await make(store, ask)
        result = await desk.perform(job)
        while result.waiting and ask is not None:  # steps in doubt: only a person can tell
            answers = {question: await ask(question, asked) for question, asked in result.waiting.items()}
            began = opened(await journal(store, job.id))
            again = gone_on_with(job.actor, began, job.world, store, answers)
            again.policy, again.quota, again.tenant = job.policy, job.quota, job.tenant
            result = await desk.perform(again)
    code = told(result, store=path, quiet=quiet, answer=not as_json)
    return INTERRUPTED if desk.interrupted and result.status == "cancelled" else code
