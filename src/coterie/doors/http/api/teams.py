"""Teams: those that the service offers, and those that were written over the API."""

from __future__ import annotations

import time
from itertools import islice

from coterie.actor import Actor
from coterie.doors import drawing
from coterie.doors.checked import Report, looked_into, report_of
from coterie.doors.http.api.kept import After, Drawn, NewTeam, TeamDocument, TeamKept
from coterie.doors.http.api.shapes import OptionShown, TeamShown
from coterie.doors.http.library import Offer
from coterie.doors.http.operations import Call, Operations, Some, Tagged
from coterie.doors.http.problems import there
from coterie.doors.http.roster import Kept, Team
from coterie.doors.letters import Look
from coterie.errors import BadInput
from coterie.teamfile.survey import survey

operations = Operations()
WIDE = 160
"""Letters that a line of a drawing has at most."""


@operations.add("GET", "/v1/teams", needs="viewer", query=After, gives=list[TeamShown], tagged=True)
async def list_teams(call: Call) -> Some:
    """Every team that is offered, then those that were written here by name; `Link` says where the next page is."""
    wanted: After = call.query
    offers = call.service.library.offers
    begun = wanted.after in offers or not wanted.after
    names = list(offers) if begun else []
    names = names[names.index(wanted.after) + 1 :] if wanted.after in names else names
    page = [_offered(call, offers[name]) for name in islice(names, wanted.limit + 1)]
    if len(page) <= wanted.limit:
        rest = await call.roster.teams("" if begun else wanted.after, wanted.limit + 1 - len(page))
        page += [await _written(call, kept) for kept in rest]
    more = len(page) > wanted.limit
    page = page[: wanted.limit]
    return Some(page, page[-1].name if more else None)


@operations.add("GET", "/v1/teams/{name}", needs="viewer", gives=TeamShown, problems=(404,), tagged=True)
async def show_team(call: Call) -> TeamShown:
    """One team: what it can be told, and its members."""
    offer = call.service.library.offers.get(call.path["name"])
    return _offered(call, offer) if offer is not None else await _written(call, await _kept(call))


@operations.add(
    "POST", "/v1/teams", needs="admin", body=NewTeam, gives=TeamKept, status=201, problems=(409, 412)
)
async def write_team(call: Call) -> Tagged:
    """Keep a team under a name of its own; runs of it can be begun from now on."""
    new: NewTeam = call.body
    team = Team(name=new.name, document=new.document, by=call.by.name, created=time.time())
    return _tagged(await call.roster.place(team))


@operations.add(
    "GET", "/v1/teams/{name}/document", needs="viewer", gives=TeamKept, problems=(404,), tagged=True
)
async def read_team(call: Call) -> Tagged:
    """What was written of a team; its `ETag` changes with it."""
    return _tagged(await _kept(call))


@operations.add(
    "PUT",
    "/v1/teams/{name}/document",
    needs="admin",
    body=TeamDocument,
    gives=TeamKept,
    problems=(404, 412, 428),
    headers=("If-Match",),
)
async def change_team(call: Call) -> Tagged:
    """Write a team anew, if it is still the version that `If-Match` names; what runs already goes on as it was."""
    kept = await _kept(call)
    team = Team(
        name=kept.value.name, document=call.body.document, by=call.by.name, created=kept.value.created
    )
    return _tagged(await call.roster.place(team, call.version_of(kept)))


@operations.add(
    "DELETE", "/v1/teams/{name}", needs="admin", status=204, problems=(404, 412, 428), headers=("If-Match",)
)
async def delete_team(call: Call) -> None:
    """Delete a team that was written here; what runs already goes on."""
    kept = await _kept(call)
    await call.roster.remove(kept.value, call.version_of(kept))


@operations.add("POST", "/v1/check", needs="viewer", body=TeamDocument, gives=Report)
async def check_team(call: Call) -> Report:
    """What is wrong with a document, and what a run of it may cost at most. Nothing is kept or run."""
    written = await call.roster.written(call.body.document, "document")
    actor, found = looked_into(lambda: call.service.library.read(written, "document"))
    return report_of("document", actor, found)


@operations.add("GET", "/v1/teams/{name}/graph", needs="viewer", gives=Drawn, problems=(404,), tagged=True)
async def draw_team(call: Call) -> Drawn:
    """A team drawn: who is in it, by which patterns, and how often each is called at most."""
    name = call.path["name"]
    if name in call.service.library.offers:
        built = call.service.library.built(name)
        actor = there(built, f"the team {name!r} cannot be drawn before it is told its options")
    else:
        actor = await _actor(call, await _kept(call))
    root = survey(actor)
    lines = drawing.text_lines(root, Look(width=WIDE))
    return Drawn(text="\n".join(lines), mermaid=drawing.mermaid(root), svg=drawing.svg(root))


def _offered(call: Call, offer: Offer) -> TeamShown:
    actor = call.service.library.built(offer.name)
    options = [
        OptionShown(name=one.name, help=one.help, kind=one.kind, required=one.required, default=one.default)
        for one in offer.options
    ]
    members = [] if actor is None else [member.name for member in actor.members]
    return TeamShown(name=offer.name, options=options, members=members)


async def _written(call: Call, kept: Kept[Team]) -> TeamShown:
    try:
        members = [member.name for member in (await _actor(call, kept)).members]
    except BadInput:  # somebody it names is not there any more; `POST /v1/check` says who
        members = []
    return TeamShown(name=kept.value.name, options=[], members=members, written=True, version=kept.version)


async def _actor(call: Call, kept: Kept[Team]) -> Actor:
    """The actor of a team that was written here.

    Raises:
        BadFile: if what it names is not there any more.
    """
    team = kept.value
    written = await call.roster.written(team.document, team.name)
    return call.service.library.read(written, team.name).actor


async def _kept(call: Call) -> Kept[Team]:
    """The team that is asked for, and its version."""
    name = call.path["name"]
    return there(await call.roster.team(name), f"no team is called {name!r}")


def _tagged(kept: Kept[Team]) -> Tagged:
    team = kept.value
    shown = TeamKept(
        name=team.name, version=kept.version, document=team.document, by=team.by, created=team.created
    )
    return Tagged(shown, kept.version)
