"""The teams that the service offers."""

from __future__ import annotations

from coterie.doors.http.api.shapes import OptionShown, TeamShown
from coterie.doors.http.library import Offer
from coterie.doors.http.operations import Call, Operations
from coterie.doors.http.problems import Problem

operations = Operations()


@operations.add("GET", "/v1/teams", needs="viewer", gives=list[TeamShown])
async def list_teams(call: Call) -> list[TeamShown]:
    """Every team that is offered."""
    return [_shown(call, offer) for offer in call.service.library.offers.values()]


@operations.add("GET", "/v1/teams/{name}", needs="viewer", gives=TeamShown, problems=(404,))
async def show_team(call: Call) -> TeamShown:
    """One team: what it can be told, and its members."""
    offer = call.service.library.offers.get(call.path["name"])
    if offer is None:
        raise Problem(404, f"no team is called {call.path['name']!r}")
    return _shown(call, offer)


def _shown(call: Call, offer: Offer) -> TeamShown:
    actor = call.service.library.built(offer.name)
    options = [
        OptionShown(name=one.name, help=one.help, kind=one.kind, required=one.required, default=one.default)
        for one in offer.options
    ]
    members = [] if actor is None else [member.name for member in actor.members]
    return TeamShown(name=offer.name, options=options, members=members)
