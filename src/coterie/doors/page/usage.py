"""What was spent: by team, by agent and by day, of the last runs."""

from __future__ import annotations

import time
from collections import defaultdict

from coterie.doors.page.door import Visit
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import empty, figures, headline, money, page, section, table
from coterie.doors.page.rounds import bars
from coterie.kernel.figures import model_calls
from coterie.kernel.story import usage as usage_of
from coterie.words.event import Record
from coterie.words.result import Overview
from coterie.words.usage import NOTHING, Usage
from coterie.words.which import Which

RUNS = 200
"""Runs that are added up: the last ones."""
BARS = 20
"""Names in one chart: those that spent most."""


class Spending:
    """What runs spent, added up by whoever spent it. `agents` has model calls alone."""

    def __init__(self) -> None:
        self.total = NOTHING
        self.teams: dict[str, Usage] = defaultdict(Usage)
        self.agents: dict[str, Usage] = defaultdict(Usage)
        self.days: dict[str, Usage] = defaultdict(Usage)

    def add(self, run: Overview, records: list[Record]) -> None:
        """Take one run."""
        spent = usage_of(records)[""]
        self.total += spent
        self.teams[run.actor] += spent
        self.days[time.strftime("%Y-%m-%d", time.gmtime(run.started))] += spent
        for call in model_calls(records):
            name = call.path.rpartition("/")[0].rpartition("/")[2].partition(".")[0]
            self.agents[name] += call.usage


async def show_usage(visit: Visit) -> Html:
    """What the last runs spent."""
    runs = await visit.host.runs(Which(limit=RUNS))
    spending = Spending()
    for run in runs:
        spending.add(run, await visit.host.journal(run.id))
    total = spending.total
    parts: list[Child] = [
        figures(
            ("Runs", f"{len(runs):,}"),
            ("Model calls", f"{total.requests:,}"),
            ("Tool calls", f"{total.tool_calls:,}"),
            ("Input tokens", f"{total.input_tokens:,}"),
            ("Output tokens", f"{total.output_tokens:,}"),
            ("Cost", money(total.usd)),
        ),
        el("p", f"The last {RUNS} runs are added up.", class_="quiet") if len(runs) == RUNS else None,
        _part("By day", dict(sorted(spending.days.items(), reverse=True)), id="days"),
        _part("By team", _most(spending.teams), id="teams"),
        _part("By agent", _most(spending.agents), id="agents"),
    ]
    nothing = empty(
        "Nothing has run here yet, so nothing was spent.", el("a", "Choose a team", href="/teams")
    )
    return page("Usage", headline("Usage"), *(parts if runs else [nothing]), who=visit.who, at="/usage")


def _most(spent: dict[str, Usage]) -> dict[str, Usage]:
    return dict(sorted(spent.items(), key=lambda item: -item[1].tokens))


def _part(title: str, spent: dict[str, Usage], *, id: str) -> Html:
    """A chart of tokens, and all figures in a table."""
    shown = list(spent.items())[:BARS]
    most = max((used.tokens for _, used in shown), default=0)
    rows: list[list[Child]] = [
        [
            name,
            f"{used.requests:,}",
            f"{used.tool_calls:,}",
            f"{used.input_tokens:,}",
            f"{used.output_tokens:,}",
            money(used.usd),
        ]
        for name, used in shown
    ]
    heads = ("Name", "Model calls", "Tool calls", "Input tokens", "Output tokens", "Cost")
    chart = bars(
        [(name, used.tokens, f"{used.tokens:,}") for name, used in shown], most, f"Tokens {title.lower()}"
    )
    numbers = el("details", el("summary", "All figures"), table(heads, rows, caption=title))
    return section(title, chart, numbers, id=id)
