"""`coterie new`, `check`, `graph`, `teams` and `schema`: teams before they run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from coterie.actor import Actor
from coterie.doors import drawing
from coterie.doors.checked import Report, looked_into, report_of
from coterie.doors.cli.inflight import looked_at
from coterie.doors.cli.remote import over, server_option
from coterie.doors.cli.store import journals_option
from coterie.doors.cli.team import TeamCommand
from coterie.doors.cli.terminal import look_of
from coterie.doors.folder import Listed, option_line, ready_made, teams_in
from coterie.doors.letters import cut, harmless
from coterie.doors.teams import origin_of, team_file, team_of
from coterie.errors import BadInput
from coterie.teamfile import opened
from coterie.teamfile.findings import Finding, findings
from coterie.teamfile.schema import text
from coterie.teamfile.survey import PROMPT, survey
from coterie.teamfile.templates import TEMPLATES, template
from coterie.teams.option import Option

if TYPE_CHECKING:
    from coterie.doors.http.api.shapes import TeamShown

SCHEMA = "team.schema.json"
"""What `new` calls the schema that it writes beside a team file."""
_TEAM = (
    "TEAM is FILE.yaml or FILE.yaml:NAME, the name of a ready-made team with its options, or FILE.py:NAME."
)


@click.command()
@click.argument("name", metavar="TEMPLATE", type=click.Choice(TEMPLATES))
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-schema", is_flag=True, help=f"Do not write {SCHEMA} beside it.")
def new(name: str, file: Path | None, *, no_schema: bool) -> None:
    """Write a team to begin with into FILE (default: team.yaml, or team.py).

    Editors that know YAML complete and check it by the schema that is written beside it.
    """
    suffix, body = template(name)
    path = file or Path(f"team{suffix}")
    if path.exists():
        raise BadInput(f"{str(path)!r} is there already: name another FILE")
    if path.suffix not in (suffix, ".yml"):
        raise BadInput(f"the template {name!r} is a {suffix} file: call it {path.with_suffix(suffix).name!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body, encoding="utf-8")
    click.echo(f"wrote {path}", err=True)
    beside = path.parent / SCHEMA
    if suffix == ".yaml" and not no_schema and not beside.exists():
        beside.write_text(text(), encoding="utf-8")
        click.echo(f"wrote {beside}, by which editors complete it", err=True)
    called = str(path) if suffix == ".yaml" else f"{path}:team"
    click.echo(
        f"look at it: coterie graph {called}\nrun it:     coterie run {called} --model embedded 'TASK'",
        err=True,
    )


@click.command()
def schema() -> None:
    """Print the JSON schema of team files, for editors: coterie schema > team.schema.json."""
    click.echo(text(), nl=False)


@click.command(cls=TeamCommand, epilog=_TEAM)
@click.argument("team", required=False)
@click.option("--in-flight", "flying", is_flag=True, help="Check the runs of a store instead; see above.")
@journals_option
@click.option(
    "--price", "prices", multiple=True, metavar="MODEL=IN/OUT", help="US dollars for a million tokens."
)
@click.option(
    "--prompt", type=click.IntRange(1), default=PROMPT, show_default=True, help="Tokens of a prompt, at most."
)
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
@click.pass_context
def check(
    ctx: click.Context,
    /,
    team: str | None,
    prices: tuple[str, ...],
    prompt: int,
    *,
    flying: bool,
    store: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what is wrong with TEAM, and what it may cost at most. Nothing is run, and no model is asked.

    Exits with 1 if there are findings: mistakes in the file, members that are not there or are never reached,
    teams in themselves, loops that nothing bounds, tools that cannot be found.

    With --in-flight, before code is deployed: every run that has not ended is lived through with the teams as they
    are now (or with TEAM, for its runs). Exits with 1 if there are any that could not go on, and says why.
    """
    if flying:
        ctx.exit(looked_at(store, team, as_json=as_json))
    if team is None:
        raise BadInput("say which TEAM to check, or --in-flight for the runs of a store")
    known = dict(map(price_of, prices))
    actor, found = checked(team, options)
    report = report_of(team, actor, found, known, prompt)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        click.echo("\n".join(_told(report, prompt, priced=bool(known) or bool(report.usd))))
    ctx.exit(1 if report.findings else 0)


def checked(team: str, options: dict[str, Any]) -> tuple[Actor | None, list[Finding]]:
    """A team that is only looked at, if it can be built, and everything that is wrong with it."""
    file = team_file(team)
    if file is None:
        actor = team_of(origin_of(team, _given(options)))
        return actor, findings(actor)
    return looked_into(lambda: opened(*file))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _told(report: Report, prompt: int, *, priced: bool) -> Iterator[str]:
    yield from map(str, report.findings)
    if report.kind:
        yield f"{report.team} ({report.kind}): {report.most}"
        if report.output_tokens is not None and not report.unknown:
            yield f"at most {report.output_tokens:,.0f} tokens of answers"
        if priced and report.usd is not None:
            left_out = f", without {', '.join(report.unpriced)}" if report.unpriced else ""
            yield f"at most ${report.usd:,.4f}, with prompts of up to {prompt:,} tokens{left_out}"
    yield from map(str, report.ways)
    count = len(report.findings)
    yield f"{count} finding{'' if count == 1 else 's'}" if count else "nothing is wrong"


def price_of(given: str) -> tuple[str, tuple[float, float]]:
    """A model and its price, as `--price` says them.

    Raises:
        BadInput: if it says none.
    """
    model, _, both = given.rpartition("=")
    into, _, out = both.partition("/")
    try:
        return model, (float(into), float(out))
    except ValueError:
        raise BadInput(f"a price is MODEL=IN/OUT in US dollars for a million tokens, not {given!r}") from None


@click.command(cls=TeamCommand, epilog=_TEAM)
@click.argument("team")
@click.option("--svg", "kind", flag_value="svg", help="As an SVG.")
@click.option("--mermaid", "kind", flag_value="mermaid", help="As a Mermaid flowchart.")
def graph(team: str, kind: str | None, **options: Any) -> None:
    """Draw TEAM: who is in it, by which patterns, and how often each is called at most. Nothing is run."""
    file = team_file(team)
    actor = opened(*file).actor if file is not None else team_of(origin_of(team, _given(options)))
    root = survey(actor)
    if kind == "svg":
        click.echo(drawing.svg(root), nl=False)
    elif kind == "mermaid":
        click.echo(drawing.mermaid(root), nl=False)
    else:
        click.echo("\n".join(drawing.text_lines(root, look_of(sys.stdout))))


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@journals_option
@server_option
def teams(folder: Path | None, store: str, server: str | None) -> None:
    """List the teams there are: ready-made ones, and those of the files in FOLDER (default: here).

    With --server those that the service offers.
    """
    if server and folder:
        raise BadInput("a service lists what it offers, and no folder: leave FOLDER or --server out")
    width, here = look_of(sys.stdout).width, folder or Path()
    if server:
        offered = over(server, store, lambda client: client.teams())
        places = [(f"At {server}", [_offered(one) for one in offered])]
    else:
        places = [("Ready-made", ready_made()), (f"In {here}", teams_in(here))]
    for heading, listed in places:
        click.echo(f"{heading}:")
        for one in listed:
            click.echo("\n".join(_listing(one, width)))
        if not listed:
            click.echo("  none")


def _offered(one: TeamShown) -> Listed:
    """A team of a service as one of here."""
    about = f"with {', '.join(one.members)}" if one.members else ""
    return Listed(
        one.name,
        about,
        tuple(option_line(msgspec.convert(known, Option, from_attributes=True)) for known in one.options),
    )


def _listing(one: Listed, width: int) -> Iterator[str]:
    about = f"  {' '.join(one.about.split())}" if one.about else ""
    yield "  " + cut(harmless(f"{one.team}{about}"), width - 3)
    for line in one.needs:
        yield "      " + cut(harmless(line), width - 7)
