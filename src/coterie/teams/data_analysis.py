"""Data analysis: answer a question about a CSV file with a query, a chart, and sentences held to its figures.

Load, profile, query, chart, explain. The analyst chooses what to measure, how, and by what, each from what the
table really has; values that the question names are its conditions; the SQL is made of that and can only read.
The facts are computed from the rows, and the explainer only rewords them. Last the query is made again: the rows
have to be the same, and every number of the answer has to be one of theirs. That is the team's done-when.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import do
from coterie.agent import Agent
from coterie.memory.claims import content_words, numbers
from coterie.patterns.choose import decision, fields_in, fitted, one_of
from coterie.patterns.pipeline import pipeline
from coterie.roles import role
from coterie.team import Team
from coterie.teams.chart import Chart, shown, svg
from coterie.teams.option import Option
from coterie.teams.output import writable, write_files
from coterie.teams.retell import Retold, retold
from coterie.teams.table import TABLE, Profile, Rows, header, load, profile, query
from coterie.words.message import Message
from coterie.words.task import Task

ALL = "nothing"
"""What is grouped by where one figure answers the question."""
COUNT = "number of rows"
HOW = {"total": "sum", "average": "avg", COUNT: "count"}
"""How figures are made of rows, and what SQL calls it."""
Order: TypeAlias = Literal["largest first", "smallest first", "by name"]
_MEAN = re.compile(r"\b(?:average|mean|typical|typically|usual|usually)\b", re.IGNORECASE)
_MANY = re.compile(r"\bhow (?:many|often)\b", re.IGNORECASE)
_EACH = re.compile(
    r"\b(?:which|who|where|each|every|per|by|across|between|compare|rank|most|least|best|worst|highest|lowest|top)\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b(?:month|year|when|time|develop|trend|grow|grew|season|chang)", re.IGNORECASE)
_LEAST = re.compile(r"\b(?:least|lowest|fewest|smallest|worst|weakest|minimum)\b", re.IGNORECASE)
FEW = 3
"""Groups that are all told in one sentence."""
MOST = 20
"""Groups that are asked for at most."""


class Wish(Struct, frozen=True):
    """What to ask of a table: a figure, made of a column, for each of a group, under conditions.

    `of` is no matter where rows are counted.
    """

    by: str
    of: str
    how: str
    where: dict[str, tuple[str, ...]] = {}
    order: Order = "largest first"


class Found(Struct, frozen=True):
    """What was asked, in SQL, what came of it, and what can be said of it."""

    wish: Wish
    sql: str
    rows: Rows
    facts: tuple[str, ...]
    files: tuple[str, ...] = ()


ANALYST = Agent(
    "analyst",
    "You choose what to compute from a table to answer a question. `by`: the column to compare or to follow, which "
    'the question names after `which`, `each`, `per` or `by`; "nothing" if it asks for one figure. `of`: the column '
    "with the figures. `how`: the way to make one figure of many.\n"
    "Examples, for a table with the columns city, colour, price and sold:\n"
    'Which colour costs most on average?\n{"by": "colour", "of": "price", "how": "average"}\n'
    'How many were sold in Rome each month?\n{"by": "month of sold", "of": "price", "how": "number of rows"}\n'
    'What did we earn with red ones?\n{"by": "nothing", "of": "price", "how": "total"}\n'
    'Which city sells the most?\n{"by": "city", "of": "price", "how": "total"}\n'
    'How did the sales in Rome grow each month?\n{"by": "month of sold", "of": "price", "how": "total"}',
    settings={"max_tokens": 60},
)
EXPLAINER = role(
    "analyst", answer="One or two sentences; each says what one fact says, and gives its number."
).agent("explainer", output=Retold, settings={"max_tokens": 240}, repairs=1)
OPTIONS = (
    Option(name="csv", help="The CSV file, with a header.", kind="file", required=True),
    Option(
        name="out",
        help="The folder for the database, the chart and the report.",
        kind="output",
        required=True,
    ),
)


def build(csv: str | Path, out: str | Path) -> Team:
    """A team that answers a question about a CSV file; chart, SQL and report are written into `out`.

    Raises:
        BadInput: if the file is no CSV with a header and two columns, or `out` cannot be written to.
    """
    header(csv)
    source, folder = str(Path(csv).resolve()), writable(out)
    database = f"{folder}/data.db"

    async def loaded(task: Task) -> Message:
        rows = await do(load, source, database)
        return Message(sender="load", text=task.text, output=rows)

    async def profiled(task: Task) -> Message:
        return Message(sender="profile", text=task.text, output=await do(profile, database))

    async def queried(task: Task) -> Message:
        known: Profile = task.data
        wish = await _wish(task.text, known)
        sql = sql_of(wish)
        rows = await do(query, database, sql)
        return Message(sender="query", text=task.text, output=Found(wish, sql, rows, facts_of(wish, rows)))

    async def charted(task: Task) -> Message:
        found: Found = task.data
        if not found.rows.rows:
            return Message(sender="chart", text=task.text, output=found)
        files = await do(write_files, folder, {"chart.svg": svg(chart_of(task.text, found))})
        return Message(sender="chart", text=task.text, output=replace(found, files=tuple(files)))

    async def explained(task: Task) -> Message:
        found: Found = task.data
        lines = await retold(EXPLAINER, found.facts, task.text)
        await do(write_files, folder, {"report.md": report(task.text, lines, found)})
        return Message(sender="explain", text="\n".join(lines), output=found)

    stages = [
        Team("load", (), loaded),
        Team("profile", (), profiled),
        Team("query", [ANALYST], queried),
        Team("chart", (), charted),
        Team("explain", [EXPLAINER], explained),
    ]
    return pipeline(*stages, name="data-analysis", done_when=partial(_borne_out, database))


async def _borne_out(database: str, message: Message) -> str:
    """What is wrong with an answer: rows that have changed, and numbers that the facts do not have."""
    found: Found = message.output
    if await do(query, database, found.sql) != found.rows:
        return "the same query gives other rows now"
    if not found.rows.rows:
        return "no row fits the question, so nothing answers it"
    made_up = numbers(message.text) - numbers("\n".join(found.facts))
    return f"the data does not say {', '.join(sorted(made_up))}" if made_up else ""


async def _wish(question: str, known: Profile) -> Wish:
    """What the analyst wants to know; without a choice that holds, how many rows there are."""
    where = conditions(question, known)
    kind = wish_type(question, known, [name for name, values in where.items() if len(values) == 1])
    asked = Task(f"Columns:\n{described(known)}\n\nQuestion: {question}")
    made = await decision(fitted(ANALYST, kind), asked, partial(_wished, kind))
    wish = made.value or Wish(ALL, known.columns[0].name, COUNT)
    return replace(wish, where=where, order=_order(question, wish.by))


def _wished(kind: Any, said: Message) -> Wish:
    return msgspec.convert(msgspec.to_builtins(msgspec.convert(fields_in(said), kind)), Wish)


def _order(question: str, by: str) -> Order:
    """In time where the groups are times; else by size, from the end that the question asks for."""
    if by.startswith(("month of", "year of")):
        return "by name"
    return "smallest first" if _LEAST.search(question) else "largest first"


def conditions(question: str, known: Profile) -> dict[str, tuple[str, ...]]:
    """The values, by column, that a question names: they are what it narrows the rows down to."""
    words = content_words(question)
    named: dict[str, tuple[str, ...]] = {}
    for one in known.columns:
        values = [
            value for value in one.values if (asked := content_words(value)) and asked.keys() <= words.keys()
        ]
        if values:
            named[one.name] = tuple(values)
    return named


def wish_type(question: str, known: Profile, pinned: Collection[str] = ()) -> Any:
    """The type of a `Wish` in which only what the table has can be chosen; `pinned` columns have one value."""
    figures = [one.name for one in known.columns if one.kind in ("integer", "real")]
    fields: list[Any] = [
        ("by", one_of([ALL, *groups(question, known, pinned)])),
        ("of", one_of(figures or [known.columns[0].name])),
        ("how", one_of(ways(question, figures))),
    ]
    return msgspec.defstruct("Wish", fields, frozen=True)


def ways(question: str, figures: Collection[str]) -> list[str]:
    """How figures can be made that the words of a question allow: a small model would average everything."""
    if not figures:
        return [COUNT]
    if _MEAN.search(question):
        return ["average"]
    asked = content_words(question).keys()
    named = any(content_words(one.replace("_", " ")).keys() <= asked for one in figures)
    return [COUNT] if _MANY.search(question) and not named else ["total"]


def groups(question: str, known: Profile, pinned: Collection[str] = ()) -> list[str]:
    """What a question lets rows be grouped by: columns of names, and if it is about time, months and years."""
    found: list[str] = []
    if not _EACH.search(question) and not _TIME.search(question):
        return found
    for one in known.columns:
        if one.kind == "date" and _TIME.search(question):
            found += [f"month of {one.name}", f"year of {one.name}"]
        elif (
            one.kind not in ("real", "date") and one.name not in pinned and one.distinct < max(known.rows, 2)
        ):
            found.append(one.name)
    return found


def described(known: Profile) -> str:
    """The columns of a table as a model reads them."""
    lines: list[str] = []
    for one in known.columns:
        said = f": {', '.join(one.values)}" if one.values else f" from {one.low} to {one.high}"
        lines.append(f"- {one.name} ({one.kind}){said}")
    return "\n".join(lines)


def sql_of(wish: Wish) -> str:
    """A wish in SQL."""
    figure = "count(*)" if wish.how == COUNT else f'{HOW[wish.how]}("{wish.of}")'
    tests = [f'"{column}" in ({", ".join(map(_quoted, values))})' for column, values in wish.where.items()]
    given = f" where {' and '.join(tests)}" if tests else ""
    if wish.by == ALL:
        return f"select {figure} as figure from {TABLE}{given}"
    order = {"largest first": "2 desc, 1", "smallest first": "2, 1", "by name": "1"}[wish.order]
    label = _grouped(wish.by)
    return f"select {label} as label, {figure} as figure from {TABLE}{given} group by 1 order by {order} limit {MOST}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _grouped(by: str) -> str:
    unit, _, column = by.partition(" of ")
    return f'substr("{column}", 1, {7 if unit == "month" else 4})' if column else f'"{by}"'


def facts_of(wish: Wish, rows: Rows) -> tuple[str, ...]:
    """What can be said of the rows, the most telling first."""
    of = wish.how if wish.how == COUNT else f"{wish.how} {wish.of.replace('_', ' ')}"
    named = [" or ".join(values) for values in wish.where.values()]
    what = f"{of} ({', '.join(named)})" if named else of
    good = [(str(row[0]), float(row[-1])) for row in rows.rows if row[-1] is not None]
    if not good:
        return (f"There is no {what}.",)
    if wish.by == ALL:
        return (f"the {what} is {shown(good[0][1])}",)
    ranked = sorted(good, key=lambda one: one[1], reverse=wish.order != "smallest first")
    ends = ("highest", "lowest") if wish.order != "smallest first" else ("lowest", "highest")
    every = ", ".join(f"{shown(value)} for {name}" for name, value in good)
    facts = [f"the {what} is {every}"] if 1 < len(good) <= FEW else []
    facts += [
        f"{one[0]} has the {end} {what}: {shown(one[1])}"
        for end, one in zip(ends, _ends(ranked), strict=False)
    ]
    if wish.order == "by name" and len(good) > 1:
        (first, one), (last, other) = _ends(good)
        facts.insert(0, f"the {what} went from {shown(one)} in {first} to {shown(other)} in {last}")
    if wish.how in ("total", COUNT) and len(good) < MOST:
        facts.append(f"together it is {shown(sum(value for _, value in good))}")
    return tuple(facts)


def _ends(ranked: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    return [ranked[0]] if len(ranked) == 1 else [ranked[0], ranked[-1]]


def chart_of(question: str, found: Found) -> Chart:
    """A line where the groups have an order in time, bars otherwise."""
    rows = [row for row in found.rows.rows if row[-1] is not None]
    labels = tuple("all" if len(row) == 1 else str(row[0]) for row in rows)
    in_time = found.wish.order == "by name" and " of " in found.wish.by and len(rows) > 2
    return Chart(question, labels, tuple(float(row[-1]) for row in rows), "line" if in_time else "bar")


def report(question: str, lines: list[str], found: Found) -> str:
    """The answer as a Markdown page with its chart, its table, and the SQL that gave it."""
    head = " | ".join(found.rows.columns)
    table = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in found.rows.rows]
    rule = "|".join("---" for _ in found.rows.columns)
    chart = ["", "![The chart](chart.svg)"] if found.files else []
    text = [f"# {question}", "", *lines, *chart, "", f"| {head} |", f"|{rule}|", *table]
    return "\n".join([*text, "", "```sql", found.sql, "```", ""])


def _cell(value: Any) -> str:
    return shown(value) if isinstance(value, int | float) else str(value).replace("|", "\\|")
