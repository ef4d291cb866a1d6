"""What was spent: by team, agent, model and day, and for who may see them all by tenant, of the last runs."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.doors.page.door import Visit
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import empty, figures, headline, money, page, section, table
from coterie.doors.page.rounds import bars
from coterie.doors.spending import By, lines
from coterie.kernel.totals import summed
from coterie.words.result import Overview
from coterie.words.usage import NOTHING, Usage
from coterie.words.which import Which

RUNS = 200
"""Runs that are added up: the last ones."""
BARS = 20
"""Names in one chart: those that spent most."""


async def show_usage(visit: Visit) -> Html:
    """What the last runs spent."""
    runs = await visit.host.runs(Which(limit=RUNS))
    told: dict[By, dict[str, Usage]] = {
        by: await _used(visit, runs, by) for by in ("day", "team", "agent", "model")
    }
    tenants = await _by_tenant(visit)
    total = sum([one.usage for one in runs], NOTHING)
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
        _part("By tenant", _most(tenants), id="tenants") if len(tenants) > 1 else None,
        _part("By day", dict(sorted(told["day"].items(), reverse=True)), id="days"),
        _part("By team", _most(told["team"]), id="teams"),
        _part("By agent", _most(told["agent"]), id="agents"),
        _part("By model", _most(told["model"]), id="models"),
    ]
    nothing = empty(
        "Nothing has run here yet, so nothing was spent.", el("a", "Choose a team", href="/teams")
    )
    shown = parts if runs or tenants else [nothing]
    return page("Usage", headline("Usage"), *shown, who=visit.who, at="/usage")


async def _by_tenant(visit: Visit) -> dict[str, Usage]:
    """What the last runs of each tenant spent whose sums one may see; nothing for one in which nothing has run."""
    found: dict[str, Usage] = {}
    for tenant in visit.service.seen_by(visit.who):
        for run in await visit.service.host(tenant).runs(Which(limit=RUNS)):
            found[tenant] = found.get(tenant, NOTHING) + run.usage
    return found


async def _used(visit: Visit, runs: Sequence[Overview], by: By) -> dict[str, Usage]:
    """What was used, by name."""
    found = await lines(runs, by, visit.host.tenant, visit.host.journal)
    return {one.name: one.usage for one in summed(found)}


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
