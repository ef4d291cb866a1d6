"""Memory: what is known beyond runs, searched as who asks may read it, and forgotten where it is one's own."""

from __future__ import annotations

from starlette.responses import Response

from coterie.doors.http.problems import Problem, there
from coterie.doors.page.addresses import asked
from coterie.doors.page.door import Visit, see
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import clock, empty, headline, labelled, page, section
from coterie.doors.page.runs import choice
from coterie.memory import Memory
from coterie.words.memory import Query, Recalled
from coterie.words.principal import Principal

A_PAGE = 20
"""Memories on one page."""
MOST = 10_000
"""Where pages end: whoever wants more says more of what is sought."""
LETTERS = 1_200
"""Letters of a memory that are shown before one asks for the rest."""


async def show_memory(visit: Visit) -> Html:
    """What fits a text best, or the newest: of one's own and what is shared, or of a standing agent."""
    query, of = visit.query, visit.query.get("of", "")
    after = min(visit.number("after") or 0, MOST)
    memory, owner = await _memory(visit, of)
    tags = tuple(filter(None, (one.strip() for one in query.get("tags", "").split(","))))
    visit.permitted("recall", "", tags=list(tags), source="")
    wanted = Query(text=query.get("text", ""), tags=tags, limit=after + A_PAGE + 1)
    found = (await memory.find(wanted, memory.now()))[after:]
    shown, rest = found[:A_PAGE], found[A_PAGE:]
    agents = [kept.value.name for kept in await visit.service.roster(visit.who.tenant).agents()]
    may = visit.who.may("admin" if of else "operator")
    sought = f"What fits “{wanted.text}” best" if wanted.text else "The newest"
    return page(
        "Memory",
        headline("Memory"),
        _filters(query, agents),
        section(sought, *_found(shown, of, owner if may else "", filtered=bool(query)), id="memories"),
        _more({**query, "after": str(after + A_PAGE)}) if rest else None,
        who=visit.who,
        at="/memory",
    )


def _filters(query: dict[str, str], agents: list[str]) -> Html:
    given = query.get("of", "")
    names = sorted({*agents, given} - {""})
    whose = labelled(
        "Of", choice("of", [(name, name) for name in names], given, any_="you, and what is shared")
    )
    return el(
        "form",
        labelled(
            "Text", el("input", type="search", name="text", value=query.get("text", ""), maxlength=10_000)
        ),
        labelled("Tags", el("input", name="tags", value=query.get("tags", ""), placeholder="commas apart")),
        whose if names else None,
        el("button", "Search", class_="quiet"),
        method="get",
        action="/memory",
        class_="filters",
        role="search",
    )


def _found(shown: list[Recalled], of: str, owner: str, *, filtered: bool) -> list[Html]:
    if not shown and filtered:
        return [empty("Nothing that is remembered fits this.", el("a", "Show the newest", href="/memory"))]
    if not shown:
        return [
            empty("Nothing is remembered yet. Runs and standing agents remember, and POST /v1/memory does.")
        ]
    return [_card(one, of, owner) for one in shown]


def _card(one: Recalled, of: str, owner: str) -> Html:
    """A memory; one that is the `owner`'s can be forgotten here."""
    text = one.text
    rest = el("details", el("summary", "All of it"), el("pre", text, class_="said"))
    about: list[Child] = [
        *((f"{tag} · ") for tag in one.tags),
        f"{one.kind}, {one.trust} · ",
        f"from {one.source} · " if one.source else None,
        f"shared with {', '.join(one.shared)} · " if one.shared else None,
        clock(one.time),
    ]
    return el(
        "article",
        el("pre", text if len(text) <= LETTERS else f"{text[:LETTERS]}…", class_="said"),
        rest if len(text) > LETTERS else None,
        el("p", *about, class_="quiet"),
        _forget(one, of) if one.owner == owner else None,
        class_="card",
    )


def _forget(one: Recalled, of: str) -> Html:
    return el(
        "form",
        el("input", type="hidden", name="key", value=one.key),
        el("input", type="hidden", name="of", value=of),
        el("button", "Forget", class_="danger", aria_label=f"Forget {one.key}"),
        method="post",
        action="/memory/forget",
    )


def _more(query: dict[str, str]) -> Html:
    link = el("a", "More", href=f"/memory{asked(**query)}", rel="next")
    return el("nav", link, class_="pages", aria_label="Pages")


async def forget(visit: Visit) -> Response:
    """Forget one memory of one's own, for good; one of an agent's is an administrator's to forget."""
    of, key = visit.fields.get("of", ""), visit.fields.get("key", "")
    if of and not visit.who.may("admin"):
        raise Problem(403, f"you are a {visit.who.role}; what an agent remembers is an admin's to forget")
    visit.permitted("forget", key, tags=[], source="")
    memory, _ = await _memory(visit, of)
    if key and await memory.forget(key):
        return see(f"/memory{asked(of=of)}")
    raise Problem(404, f"nothing of yours is remembered as {key!r}")


async def _memory(visit: Visit, of: str) -> tuple[Memory, str]:
    """The memory of who asks, or of a standing agent, and whose it is.

    Raises:
        Problem: 404, if there is no such agent.
    """
    if not of:
        return visit.service.memory(visit.who), visit.who.name
    one = there(await visit.service.roster(visit.who.tenant).standing(of), f"no agent is called {of!r}")
    return visit.service.memory(Principal(one.owner, visit.who.tenant)), one.owner
