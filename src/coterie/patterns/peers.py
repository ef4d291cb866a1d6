"""Peers: nobody leads; whoever gets a task does it, asks for help, splits it, hands it over, or declines."""

from __future__ import annotations

from msgspec.structs import replace

from coterie.actor import Actor
from coterie.calls import together
from coterie.errors import BadInput
from coterie.patterns.crew import crew_of
from coterie.patterns.seats import Peer, Table
from coterie.team import Team
from coterie.words.failure import Policy, fail_fast
from coterie.words.message import Message
from coterie.words.task import Task


def peers(
    *members: Actor | Peer,
    entry: str = "",
    max_moves: int = 64,
    name: str = "peers",
    on_failure: Policy = fail_fast,
) -> Team:
    """A team without a leader: `entry` (default: the first) gets the task, and answers with a `Move`.

    A request goes to the peers that fit it, in declared order, until one does not refuse: decline,
    fail, be at capacity, or be at work on the very same task above, which the kernel stops at the
    first repeat. Who has refused a task is not asked for it again. If all refuse, it is `NobodyCan`:
    the asker of help is told, any other request fails with it. A move that cannot be followed goes
    back once with what is eligible, and is then a refusal. `on_failure` is for the parts of a split.
    `max_moves` bounds all members' turns. `parts` is the answer that the team's is, with what it was
    made from as its own `parts`; `missing` is who refused or failed on the way, and why.

    Raises:
        BadInput: without members, if two have one name, or if `entry` is not one of them.
    """
    crew = {one.actor.name: one for one in (m if isinstance(m, Peer) else Peer(m) for m in members)}
    actors = crew_of([m.actor if isinstance(m, Peer) else m for m in members], f"peers {name!r}")
    if entry and entry not in crew:
        raise BadInput(f"peers {name!r}: entry is one of {list(crew)}, not {entry!r}")
    if max_moves < 1 or any(peer.at_once is not None and peer.at_once < 1 for peer in crew.values()):
        raise BadInput(f"peers {name!r}: max_moves and at_once are 1 or more")

    async def play(task: Task) -> Message:
        table = Table(task, crew, max_moves, on_failure)
        begins = table.seats[entry or next(iter(crew))]
        said = await table.request([begins, *table.able("", begins)], task)
        return replace(said, sender=name, parts=(said,), missing=said.missing)

    able = {one.actor.name: [*one.can, one.at_once] for one in crew.values()}
    settings = {"peers": able, "entry": entry, "max_moves": max_moves, "on_failure": repr(on_failure)}
    return Team(
        name, [*actors.values()], play, settings=settings, calls=[together(max_moves, *actors.values())]
    )
