"""`coterie compare`: a team against an agent, on the same tasks with the same limits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from coterie.doors.cli.design import price_of
from coterie.doors.cli.options import model_option
from coterie.doors.cli.pairs import caps_said
from coterie.doors.cli.store import journals_option, opened_store
from coterie.doors.cli.team import TeamCommand
from coterie.doors.compare import SIDES, Match, Pair, Score, discordant, score, sign_test
from coterie.doors.letters import cropped
from coterie.doors.questions import Question, questions
from coterie.doors.teams import origin_of, team_of
from coterie.models.find import find
from coterie.shell.job import new_id
from coterie.words.limits import CAPS, DEFAULT, Limits

_LEVEL = 0.05
"""How unlikely a difference has to be between equals to be called one."""


@click.command(cls=TeamCommand)
@click.argument("team")
@click.argument("tasks", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--against", required=True, metavar="AGENT", help="Whom it is compared with, named as TEAM is.")
@click.option("--judge", metavar="ACTOR", help="Who says which answer is better, blind and in both orders.")
@model_option
@click.option(
    "--limit", "caps", multiple=True, metavar="NAME=VALUE", help=f"A limit of each run: {', '.join(CAPS)}."
)
@click.option(
    "--price", "prices", multiple=True, metavar="MODEL=IN/OUT", help="US dollars for a million tokens."
)
@click.option("-n", "count", type=click.IntRange(1), help="Only the first so many tasks.")
@click.option(
    "--id",
    "name",
    metavar="NAME",
    help="Begins the runs' names; runs that are there are kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Say every figure as JSON.")
@journals_option
def compare(
    team: str,
    tasks: Path,
    against: str,
    judge: str | None,
    model: str | None,
    caps: tuple[str, ...],
    prices: tuple[str, ...],
    count: int | None,
    name: str | None,
    *,
    as_json: bool,
    store: str,
    **options: Any,
) -> None:
    """Give every task of TASKS to TEAM and to AGENT, and show what each came to and what it took.

    TASKS is a file of JSON lines: {"task": "...", "equals": "..."}, or contains, matches, schema, or python with
    a predicate's name. Both have the same limits. All runs are kept, so each figure can be looked up:
    coterie show NAME.TASK.team. Stopped with Ctrl-C, the same command with its --id goes on.
    """
    asked = questions(tasks)[:count]
    limits = DEFAULT.raised(caps_said(caps))
    origins = {"team": origin_of(team, _given(options), model), "against": origin_of(against, {}, model)}
    actors = {side: team_of(origins[side]) for side in SIDES}
    judging = team_of(origin_of(judge, {})) if judge else None
    id = name or f"compare-{new_id()[-8:]}"
    again = "" if name else f"; to go on with it after an interruption, add --id {id}"
    click.echo(f"{len(asked)} tasks, {id}{again}", err=True)

    async def played() -> list[Pair]:
        async with opened_store(store, new=True) as kept:
            chosen = None if model is None else find(model)
            match = Match(
                actors,
                judging,
                id=id,
                store=kept,
                model=chosen,
                limits=limits,
                prices=dict(map(price_of, prices)),
                origins=origins,
            )
            return await match.play(asked, _said)

    pairs = asyncio.run(played())
    names = {"team": actors["team"].name, "against": actors["against"].name}
    scores = {side: score(pairs, side) for side in SIDES}
    if as_json:
        click.echo(msgspec.json.format(_data(id, names, scores, pairs, limits), indent=2).decode())
        return
    width = max(22, *(len(one) + 2 for one in names.values()))
    click.echo("\n".join([*_table(names, scores, width), *_verdict(names, pairs, asked)]))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _said(pair: Pair) -> None:
    """Progress, a line a task."""
    marks = [_mark(pair.team.passed, pair.team.status), _mark(pair.against.passed, pair.against.status)]
    judged = f", judged: {pair.verdict.winner}" if pair.verdict else ""
    click.echo(f"{pair.task}: team {marks[0]}, against {marks[1]}{judged}", err=True)


def _mark(passed: bool | None, status: str) -> str:
    return status if passed is None else "right" if passed else "wrong"


def _table(names: dict[str, str], scores: dict[str, Score], width: int) -> Iterator[str]:
    """A row a figure, a column a side."""
    yield f"{'':<26}" + "".join(f"{cropped(names[side], width - 2):>{width}}" for side in SIDES)
    columns = [list(_figures(scores[side])) for side in SIDES]
    for row in zip(*columns, strict=True):
        if any(said for _, said in row):
            yield f"{row[0][0]:<26}" + "".join(f"{said or '-':>{width}}" for _, said in row)


def _figures(one: Score) -> Iterator[tuple[str, str]]:
    yield "right", f"{one.passed} of {one.checked}" if one.checked else ""
    yield "judged better", f"{one.better} of {one.tasks}" if one.better else ""
    yield "without an answer", f"{one.failed}" if one.failed else ""
    yield "US dollars", f"{one.usd:,.4f}" if one.usd else ""
    yield "tokens", f"{one.tokens:,}"
    yield "model calls", f"{one.calls:,}"
    yield "seconds", f"{one.seconds:,.1f}"
    yield "critical path, seconds", f"{one.critical:,.1f}"
    wasted = one.waste
    yield "wasted tokens", f"{wasted.share:.0%}"
    if wasted.share:
        parts = {"failed": wasted.failed, "closed": wasted.closed, "unused": wasted.unused}
        said = ", ".join(f"{count:,} {why}" for why, count in parts.items() if count)
        yield "  of these", said
    else:
        yield "  of these", ""
    yield "agreement of members", "" if one.agreement is None else f"{one.agreement:.0%}"
    yield "tasks with dissent", "" if one.agreement is None else f"{one.dissent} of {one.tasks}"


def _verdict(names: dict[str, str], pairs: Sequence[Pair], asked: Sequence[Question]) -> Iterator[str]:
    """Whether the two differ, and the runs in which they do."""
    wins, losses = discordant(pairs)
    if not any(one.checks for one in asked):
        return
    chance = sign_test(len(wins), len(losses))
    what = "so they differ" if chance < _LEVEL else "so this does not tell them apart"
    yield ""
    yield (
        f"only {names['team']} is right {len(wins)} times, only {names['against']} {len(losses)} times: "
        f"p = {chance:.2f} by the sign test, {what}"
    )
    for who, found in ((names["team"], wins), (names["against"], losses)):
        for pair in found:
            yield f"  {pair.task}: only {who} (coterie show {pair.team.run}, coterie show {pair.against.run})"


def _data(
    id: str, names: dict[str, str], scores: dict[str, Score], pairs: Sequence[Pair], limits: Limits
) -> bytes:
    wins, losses = discordant(pairs)
    return msgspec.json.encode(
        {
            "id": id,
            "names": names,
            "limits": limits,
            "scores": scores,
            "only": {"team": len(wins), "against": len(losses)},
            "sign_test": sign_test(len(wins), len(losses)),
            "tasks": pairs,
        }
    )
