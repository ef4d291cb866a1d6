"""Handoff: control moves from member to member, and all that is known moves with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.calls import together
from coterie.errors import BadInput
from coterie.patterns.answers import missing_of
from coterie.patterns.control import Line
from coterie.patterns.crew import crew_of
from coterie.team import Team
from coterie.words.effect import Here
from coterie.words.handover import Handover
from coterie.words.message import Message
from coterie.words.task import Task


class Edge(Struct, frozen=True):
    """A way that control may take: to whom, and whether it comes back."""

    to: str
    back: bool = False


def call(to: str) -> Edge:
    """An edge that comes back: the caller goes on with what `to` answers. A plain name is a transfer."""
    return Edge(to, back=True)


def handoff(
    *members: Actor,
    entry: str = "",
    edges: Mapping[str, Sequence[str | Edge]] | None = None,
    needs: Mapping[str, Sequence[str]] | None = None,
    max_hops: int = 50,
    name: str = "handoff",
) -> Team:
    """A team in which one member at a time has the conversation; `entry` (default: the first) has it first.

    A member answers, or says a `Transfer` to a member that `edges` lead to (default: a transfer to each
    other one); whether it comes back is the edge's to say. `needs` are values that a member wants
    resolved before it takes over. A wrong choice goes back once with what is eligible; then the first
    eligible member has it. The output is a `Handover`: who has the next turn, and all that is known. A task
    with one as its data goes on there. `parts` is what was said, turn by turn.

    Raises:
        BadInput: without members, or if names are not unique or unknown.
    """
    crew = crew_of(members, f"handoff {name!r}")
    if max_hops < 1:
        raise BadInput(f"handoff {name!r}: max_hops is 1 or more, not {max_hops}")
    ways = {one: _ways(edges.get(one, ()) if edges is not None else _but(one, crew)) for one in crew}
    wanted = {one: tuple((needs or {}).get(one, ())) for one in crew}
    named = [entry or members[0].name, *(edges or ()), *(needs or ())]
    named += [to for way in ways.values() for to in way]
    unknown = [one for one in named if one not in crew]
    if unknown:
        raise BadInput(f"handoff {name!r}: {unknown[0]!r} is no member; there are {list(crew)}")
    if any(one in way for one, way in ways.items()):
        raise BadInput(f"handoff {name!r}: an edge leads from one member to another")

    async def play(task: Task) -> Message:
        begun = _begun(task, entry or members[0].name, crew)
        line = Line(crew, ways, wanted, max_hops, begun, task, f"{await Here()}.handover")
        said = await line.serve(begun.owner)
        parts = tuple(line.parts)
        return replace(
            said, sender=name, output=line.now, parts=parts, missing=(*line.wrong, *missing_of(parts))
        )

    settings = {"ways": ways, "needs": wanted, "entry": entry, "max_hops": max_hops}
    turns = 2 * max_hops + 1  # each hop is a turn, and may come back for another
    return Team(name, members, play, settings=settings, calls=[together(2 * turns, *members)])


def _ways(edges: Sequence[str | Edge]) -> dict[str, bool]:
    """Where control may go, and whether it comes back."""
    listed = [one if isinstance(one, Edge) else Edge(one) for one in edges]
    return {one.to: one.back for one in listed}


def _but(one: str, names: Iterable[str]) -> list[str]:
    return [other for other in names if other != one]


def _begun(task: Task, entry: str, crew: Mapping[str, Actor]) -> Handover:
    """Where a conversation begins, or goes on."""
    try:
        found = msgspec.convert(task.data, Handover, from_attributes=True)
    except msgspec.ValidationError:  # other data
        return Handover(owner=entry, task=task.text, data=task.data)
    return replace(found, owner=found.owner if found.owner in crew else entry, answer=None)
