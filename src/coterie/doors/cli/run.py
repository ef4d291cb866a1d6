"""`coterie run` and `coterie resume`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from coterie.actor import Actor
from coterie.doors.cli import remote
from coterie.doors.cli.doubts import doubt_option, doubts_said
from coterie.doors.cli.governance import policy_called, policy_of, policy_option
from coterie.doors.cli.options import model_option
from coterie.doors.cli.outcome import told
from coterie.doors.cli.pairs import caps_said, pair
from coterie.doors.cli.perform import INTERRUPTED, Desk, attended
from coterie.doors.cli.quotas import day_option, quota_said
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.running import Maker, Running, memory_at, model_called
from coterie.doors.cli.store import journals_option, opened_store, tenant_meant
from coterie.doors.cli.team import KINDS, TeamCommand
from coterie.doors.cli.terminal import view_of
from coterie.doors.teams import team_of_run
from coterie.kernel.story import opened, task_of_run
from coterie.ports import Store
from coterie.shell.job import Job
from coterie.shell.run import journal
from coterie.shell.traced import world_for
from coterie.shell.world import Asker, World
from coterie.teams import READY
from coterie.telemetry.observers import tracing
from coterie.words.event import Opened
from coterie.words.limits import CAPS

if TYPE_CHECKING:
    from coterie.client import AsyncClient

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
def resume(
    ctx: click.Context,
    /,
    name: str,
    answers: tuple[str, ...],
    caps: tuple[str, ...],
    team: str | None,
    memory: str | None,
    model: str | None,
    policy: str | None,
    doubts: tuple[str, ...],
    days: tuple[str, ...],
    store: str,
    server: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Go on with RUN: interrupted, cancelled, failed, or waiting for answers.

    What its journal says is done is not done again. A run that succeeded gives its answer again.
    """
    answered, raised = dict(pair(answer, "an answer is PATH=VALUE") for answer in answers), caps_said(caps)
    remote.refuse(
        server, team=team, memory=memory, model=model, policy=policy, in_doubt=doubts, day_limit=days
    )
    doubted, quota = doubts_said(doubts), quota_said(days)
    if server:
        view = view_of(as_json=as_json, quiet=quiet)

        async def there(client: AsyncClient) -> int:
            run = await remote.resumed(client, name, answered, raised)
            return await remote.performed(client, run, view, quiet=quiet, answer=not as_json)

        ctx.exit(over(server, store, there))

    async def job(kept: Store, ask: Asker | None) -> Job:
        began = opened(await journal(kept, name))
        remembers = memory_at(memory or began.origin.get("memory"))
        models = model_called(model or began.origin.get("model"))
        world = world_for(tracing(), models, ask=ask, memory=remembers, doubts=doubted)
        made = _again(team_of_run(began, team), began, world, kept, answered)
        made.raised, made.policy = raised, policy_called(policy) or policy_of(began)
        made.quota, made.tenant = quota, tenant_meant()
        return made

    ctx.exit(asyncio.run(_performed(job, store, as_json=as_json, quiet=quiet)))


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
            again = _again(job.actor, began, job.world, store, answers)
            again.policy, again.quota, again.tenant = job.policy, job.quota, job.tenant
            result = await desk.perform(again)
    code = told(result, store=path, quiet=quiet, answer=not as_json)
    return INTERRUPTED if desk.interrupted and result.status == "cancelled" else code


def _again(actor: Actor, began: Opened, world: World, store: Store, answers: Mapping[str, Any]) -> Job:
    job = Job(actor, task_of_run(began), world, store, began.run)
    job.answers = answers
    job.again = True
    return job
