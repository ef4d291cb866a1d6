"""Teams: what is offered, each as a picture, with a form that is made of what it can be told."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from coterie.doors.drawing import calls, svg
from coterie.doors.http.library import Offer, UnknownTeam
from coterie.doors.http.problems import Problem, there
from coterie.doors.page.addresses import to_run, to_team
from coterie.doors.page.door import Visit, see
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.forms import limits_of, options_of, start_form
from coterie.doors.page.layout import badge, clock, empty, headline, page, section, table
from coterie.doors.page.standing import standing_agents
from coterie.errors import CoterieError
from coterie.teamfile.survey import Node, survey, walk
from coterie.words.limits import DEFAULT
from coterie.words.which import Which

RECENT = 8
"""Runs of a team that are shown with it."""
DRAWN = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""A picture has its colours in itself, and nothing else in it may do anything."""


async def list_teams(visit: Visit) -> Html:
    """Every team that is offered."""
    cards = [_card(visit, offer) for offer in visit.service.library.offers.values()]
    shown = el("div", *cards, class_="columns") if cards else empty("No team is offered by this service.")
    return page("Teams", headline("Teams"), shown, who=visit.who, at="/teams")


def _card(visit: Visit, offer: Offer) -> Html:
    node = _surveyed(visit, offer)
    about = "Say what it is about to see its members." if node is None else f"{node.kind}, {calls(node)}"
    names = [] if node is None else [member.name for member in node.members]
    return el(
        "article",
        el("h3", el("a", offer.name, href=to_team(offer.name))),
        el("p", about, class_="quiet"),
        el("p", ", ".join(names)) if names else None,
        class_="card",
    )


def _surveyed(visit: Visit, offer: Offer) -> Node | None:
    """A team as it stands without options; None where it needs some."""
    actor = visit.service.library.built(offer.name)
    return None if actor is None else survey(actor)


async def show_team(visit: Visit) -> Html:
    """One team: its picture, how to start it, and its last runs."""
    offer = _offer(visit)
    node = _surveyed(visit, offer)
    runs = await visit.host.runs(Which(team=offer.name, limit=RECENT))
    rows: list[list[Child]] = [
        [badge(one.status), el("a", one.task[:90], href=to_run(one.id)), clock(one.started)] for one in runs
    ]
    recent = table(("State", "Task", "Started"), rows, caption="Its last runs") if rows else None
    return page(
        offer.name,
        headline(offer.name),
        section("Start a run", start_form(offer), id="start") if visit.who.may("operator") else None,
        _picture(offer, node),
        section("Last runs", recent or empty("It has not run yet."), id="recent"),
        who=visit.who,
        at="/teams",
    )


def _offer(visit: Visit) -> Offer:
    return there(visit.service.library.offers.get(visit.id), f"no team is called {visit.id!r}")


def _picture(offer: Offer, node: Node | None) -> Html:
    if node is None:
        return section("Members", empty("Its members depend on what it is told."), id="members")
    rows: list[list[Child]] = [
        [el("code", one.path), one.kind, one.model or "–", ", ".join(one.tools) or "–"] for one in walk(node)
    ]
    return section(
        "Members",
        el(
            "div",
            el(
                "img", src=f"{to_team(offer.name)}/graph.svg", alt=f"{offer.name}: {node.kind}, {calls(node)}"
            ),
            class_="picture",
            tabindex="0",
            role="region",
            aria_label="Picture of the team",
        ),
        el(
            "details",
            el("summary", "As a table"),
            table(("Path", "Kind", "Model", "Tools"), rows, caption="Members"),
        ),
        id="members",
    )


async def draw_team(visit: Visit) -> Response:
    """The picture of a team."""
    surveyed = _surveyed(visit, _offer(visit))
    node = there(surveyed, f"team {visit.id!r} has no picture before it is told what it needs")
    return Response(svg(node), media_type="image/svg+xml", headers=DRAWN)


async def start(visit: Visit) -> Response:
    """Begin a run of a team, as its form says; the browser goes on to watch it."""
    fields = visit.fields
    library = visit.service.library
    try:
        origin = library.origin(visit.id, options_of(_offer(visit), fields), fields.get("model"))
    except UnknownTeam as error:
        raise Problem(404, error.message) from error
    origin |= {"by": visit.who.name}
    id = await visit.host.begin(
        library.actor(origin),
        fields.get("task", ""),
        origin=origin,
        limits=DEFAULT.raised(limits_of(fields)),
        by=visit.who,
    )
    return see(to_run(id))


async def list_agents(visit: Visit) -> Html:
    """Standing agents, and every agent of every team that is offered: its model, its tools, and where it works."""
    found: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for offer in visit.service.library.offers.values():
        try:
            node = _surveyed(visit, offer)
        except (
            CoterieError,
            msgspec.ValidationError,
        ):  # its file does not stand any more; its own page says why
            continue
        for one in () if node is None else walk(node):
            if one.kind == "agent":
                found.setdefault((one.name, one.model, one.tools), []).append(offer.name)
    rows: list[list[Child]] = [
        [
            name,
            model if model not in ("", "default") else "as the run says",
            ", ".join(tools) or "–",
            _teams(teams),
        ]
        for (name, model, tools), teams in sorted(found.items())
    ]
    heads = ("Agent", "Model", "Tools", "In teams")
    shown = (
        table(heads, rows, caption="Agents of the teams on offer")
        if rows
        else empty("No team has agents of its own.")
    )
    return page(
        "Agents",
        headline("Agents"),
        await standing_agents(visit),
        section("In teams", shown, id="members"),
        who=visit.who,
        at="/agents",
    )


def _teams(names: list[str]) -> Html:
    links: list[Child] = []
    for name in dict.fromkeys(names):
        links += [", " if links else None, el("a", name, href=to_team(name))]
    return el("span", *links)
