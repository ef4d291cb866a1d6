"""`coterie plan`: a plan made, checked, drawn and kept before anybody works by it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import msgspec

from coterie.doors.cli.outcome import told
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.letters import harmless
from coterie.doors.teams import origin_of, planned_by, team_of
from coterie.errors import BadInput, BadPlan
from coterie.kernel.values import to_plain
from coterie.models.find import find
from coterie.patterns.orchestrator import Orchestrator
from coterie.planning import bounds, drawn, mermaid, plan_from, planning, text_of
from coterie.teamfile.source import parsed, plain
from coterie.words.plan import Plan
from coterie.words.result import Result


@click.command()
@click.argument("goal", required=False)
@click.option(
    "--team", required=True, metavar="TEAM", help="An orchestrator: FILE.py:NAME, FILE.yaml or module:NAME."
)
@click.option(
    "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Look at this plan."
)
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the plan as JSON."
)
@click.option("--mermaid", "chart", is_flag=True, help="Draw it as a Mermaid flowchart.")
@click.option("--model", help="The model of a planner that names none: embedded, embedded:FILE.gguf ...")
@journals_option
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    goal: str | None,
    team: str,
    file: Path | None,
    save: Path | None,
    chart: bool,
    model: str | None,
    store: str,
) -> None:
    """Have the planner of TEAM split GOAL into steps, and say what doing them may take at most.

    Nobody does the steps. Edit what --save writes, look at it with --from, and do it with
    `coterie run TEAM GOAL --plan FILE`.

    Exits with 0 if there is a plan, 1 if none could be made, 2 for a mistake in the command or the plan.
    """
    if (goal is None) == (file is None):
        raise BadInput("say a GOAL to plan for, or --from FILE to look at a plan that there is")
    boss = planned_by(team_of(origin_of(team, {}, model)), team)
    if file is not None:
        made = checked(read(file), boss)
    else:
        result = asyncio.run(_made(boss, goal or "", model, store))
        if result.status != "succeeded":
            ctx.exit(told(result, store=store, answer=False))
        made = msgspec.convert(to_plain(result.output), Plan)
    most = bounds(made, boss.workers)
    click.echo(harmless(mermaid(made) if chart else drawn(made)))
    click.echo(harmless(str(most)), err=True)
    if save is not None:
        save.write_text(text_of(made), encoding="utf-8")
        click.echo(f"wrote {save}; do it with: coterie run {team} --plan {save} {goal or 'GOAL'!r}", err=True)


async def _made(boss: Orchestrator, goal: str, model: str | None, store: str) -> Result:
    """What the run came to in which the planner makes a plan."""
    if isinstance(boss.planner, Plan):
        raise BadInput(f"team {boss.name!r} has a plan already, and nobody who makes one")
    models = None if model is None else find(model)
    async with opened_store(store, new=True) as kept:
        return await planning(boss.planner, boss.workers).run(goal, model=models, store=kept)


def read(file: Path) -> Plan:
    """The plan in a file of JSON or YAML.

    Raises:
        BadInput: if it holds none.
    """
    body = file.read_bytes()
    if file.suffix in (".yaml", ".yml"):
        body = msgspec.json.encode(plain(parsed(body, str(file))))
    try:
        return plan_from(body, repr(str(file)))
    except BadPlan as error:
        raise BadInput(error.message) from error


def checked(made: Plan, boss: Orchestrator) -> Plan:
    """`made`, if the workers of `boss` can do it.

    Raises:
        BadInput: if they cannot; the message names every fault and its path.
    """
    try:
        boss.given(made)
    except BadPlan as error:
        raise BadInput(f"the plan cannot be run: {error.message}") from error
    return made
